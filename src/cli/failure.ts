/** Exit statuses, as shells and most tools have them. */
export const FAILED = 1;
export const MISUSED = 2;

/** Ends the command: the message is one line. */
export class CommandFailure extends Error {
  readonly status: number;

  constructor(status: typeof FAILED | typeof MISUSED, message: string) {
    super(message);
    this.status = status;
  }
}
