import type { ReactorTurn } from '../engine/reactor/handle.js';
import { LINGER_BYTES } from '../engine/reactor/stream.js';
import type { End, EndOwner } from './end.js';

/** A connection that nobody has any more and whose output is all sent: its input is thrown away until the peer's FIN or the limits. */
export class Linger implements EndOwner {
  readonly #end: End;
  readonly #freed: () => void;
  readonly #cancel: () => void;

  /** @param freed is called once the descriptor is closed */
  constructor(end: End, turn: ReactorTurn, ms: number, freed: () => void) {
    this.#end = end;
    this.#freed = freed;
    this.#cancel = turn.after(ms, () => this.#close());
    end.owner = this;
    end.finish();
    end.discard();
  }

  arrived(): void {
    const { isFinished, error, discarded } = this.#end;
    if (isFinished || error !== 0 || discarded > LINGER_BYTES) this.#close();
  }

  hasRoom(): void {}

  #close(): void {
    this.#cancel();
    this.#end.close();
    this.#freed();
  }
}
