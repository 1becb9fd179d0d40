/**
 * ms on a clock that all processes of this machine share and nobody sets. `performance.timeOrigin` won't do: it is the date when
 * a process began, so a date that is set between the starts of two keeps their times apart for as long as they run.
 */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6;
