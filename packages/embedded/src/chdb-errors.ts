/** The request makes no sense; answered with this ClickHouse code and its status. */
export class BadRequestError extends Error {
  override name = 'BadRequestError';
  readonly code: number;
  /** @param code of ClickHouse's error list; 36 = BAD_ARGUMENTS */
  constructor(message: string, code = 36) {
    super(message);
    this.code = code;
  }
}

/** A directory that can't be opened. The engine does not tell why; nearly always another process has it. */
export class DirectoryTakenError extends Error {
  override name = 'DirectoryTakenError';
}
