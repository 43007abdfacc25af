import type { Handle } from '../mux/handle.js';

/** Whose output standard output is now; undefined between the callbacks that are linked. */
let linked: Handle | undefined;

/** Servers in this process that want it. */
let users = 0;

/** `process.stdout.write` as it was before the first of them. */
let unlinkedWrite: typeof process.stdout.write | undefined;

/**
 * Makes `process.stdout.write`, and with it `console.log`, look where output goes. As long as no callback is linked, it goes
 * where it always did. (IO::Multiplex and Net::Server tie STDOUT to the client)
 */
export function beginLinking(): void {
  users += 1;
  if (unlinkedWrite !== undefined) return;
  unlinkedWrite = process.stdout.write;
  process.stdout.write = writeLinked as typeof process.stdout.write;
}

/** The last user leaves standard output as it was. */
export function endLinking(): void {
  users -= 1;
  // Somebody who has replaced the function meanwhile may call ours: then it stays, and passes on.
  if (users > 0 || process.stdout.write !== (writeLinked as typeof process.stdout.write)) return;
  process.stdout.write = unlinkedWrite!;
  unlinkedWrite = undefined;
}

/**
 * Standard output is a client's until `unlink`. Only the synchronous part of a callback can be linked: what runs after an
 * `await` may be anybody's.
 * @returns what to give to `unlink`
 */
export function link(fh: Handle): Handle | undefined {
  const outer = linked;
  linked = fh;
  return outer;
}

/** @param outer what `link` returned: a callback may run inside another one's */
export function unlink(outer: Handle | undefined): void {
  linked = outer;
}

type WriteCallback = (error?: Error | null) => void;

/** In the place of `process.stdout.write`, with its arguments. */
function writeLinked(data: string | Uint8Array, encoding?: BufferEncoding | WriteCallback, callback?: WriteCallback): boolean {
  if (linked === undefined) {
    return unlinkedWrite!.call(process.stdout, data, encoding as BufferEncoding, callback);
  }
  const isText = typeof data === 'string';
  const isUtf8 = typeof encoding !== 'string' || encoding === 'utf8' || encoding === 'utf-8';
  const hasRoom = linked.write(isText && !isUtf8 ? Buffer.from(data, encoding as BufferEncoding) : data);
  const written = typeof encoding === 'function' ? encoding : callback;
  if (written !== undefined) process.nextTick(written);
  return hasRoom;
}
