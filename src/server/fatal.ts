import { fileURLToPath } from 'node:url';

/**
 * The folder of the library, above src/server/ and above dist/lib/: a place in here says nothing to whom a message is for.
 */
const LIBRARY = fileURLToPath(new URL('..', import.meta.url));

/** One line of a stack: the file and the line, with or without the function's name before it. */
const FRAME = /^\s*at .*?\(?((?:file:\/\/)?\/[^():]+|[A-Za-z]:\\[^():]+|node:[^():]+):(\d+):\d+\)?$/m;

/** Where in the source. */
export interface Place {
  /** The path of the file; 'unknown' where there is no stack to tell it. */
  readonly file: string;
  /** The line, counted from 1; 0 where it is not known. */
  readonly line: number;
}

/**
 * What `run()` rejects with after a fatal error, once the closing hooks have run. Its text form is the message alone, as the original
 * hands it on.
 */
export class FatalError extends Error {
  /** For lines that begin with what kind of error it is. */
  override readonly name = 'FatalError';
  /** `NETMUX_…`, or the name of an errno; `NETMUX_FATAL` where the cause has none. */
  readonly code: string;
  /** Where `fatal` was called, or the cause was made. */
  readonly place: Place;

  /** @param place default: where `reason` was made */
  constructor(reason: unknown, place?: Place) {
    super(reason instanceof Error ? reason.message : String(reason), reason instanceof Error ? { cause: reason } : {});
    const { code } = (reason ?? {}) as { code?: unknown };
    this.code = typeof code === 'string' ? code : 'NETMUX_FATAL';
    this.place = place ?? placeIn(reason instanceof Error ? reason.stack : undefined);
  }

  /** @internal Whether the application's code is what the place leads to. */
  get isOfApplication(): boolean {
    return !this.place.file.startsWith(LIBRARY) && !this.place.file.startsWith('node:');
  }

  /** The message alone, without the name of the class. */
  override toString(): string {
    return this.message;
  }
}

/** Where a function was called that is running now. */
export function placeOfCall(called: (...values: never[]) => unknown): Place {
  const trace: { stack?: string } = {};
  Error.captureStackTrace(trace, called);
  return placeIn(trace.stack);
}

function placeIn(stack: string | undefined): Place {
  const [, file = 'unknown', line = '0'] = FRAME.exec(stack ?? '') ?? [];
  return { file: file.startsWith('file:') ? fileURLToPath(file) : file, line: Number(line) };
}
