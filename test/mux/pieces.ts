/** Input in pieces, without sockets. */
import { InputBuffer } from '../../src/mux/input-buffer.js';
import { Leftovers } from '../../src/mux/leftovers.js';

const SLOT = 3;

/** One connection: does with each piece what the dispatcher does. */
export class Connection {
  readonly input = new InputBuffer();
  readonly #leftovers = new Leftovers();
  #hasLeftover = false;

  receive(piece: Uint8Array, callback: (input: InputBuffer) => void): void {
    // The piece lies somewhere in a slab that is full of other things.
    const slab = Buffer.alloc(piece.length + 20, '\n');
    slab.set(piece, 7);
    if (this.#hasLeftover) this.#leftovers.presentWith(SLOT, this.input, slab, 7, piece.length);
    else this.input.present(slab, 7, 7 + piece.length);
    callback(this.input);
    this.#hasLeftover = this.#leftovers.keep(SLOT, this.input);
    this.input.seal();
    slab.fill(0xee);
  }

  unread(): Buffer {
    return this.#leftovers.copy(SLOT);
  }
}

/** All ways to cut `bytes` in pieces, none of them empty. */
export function* everySplit(bytes: Buffer): Generator<Buffer[]> {
  for (let cuts = 0; cuts < 2 ** (bytes.length - 1); cuts += 1) {
    const pieces: Buffer[] = [];
    let from = 0;
    for (let at = 1; at <= bytes.length; at += 1) {
      if (at < bytes.length && ((cuts >> (at - 1)) & 1) === 0) continue;
      pieces.push(bytes.subarray(from, at));
      from = at;
    }
    yield pieces;
  }
}
