/**
 * ms on a clock that all processes of this machine share. `performance.timeOrigin` is each one's own guess of when it began:
 * some ms wrong when the process had to wait right then, and as wrong from then on.
 */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6;
