import type { Address } from '../engine/engine.js';
import { type Accepted, ListenerHandle } from '../engine/reactor/listener.js';
import type { Acceptor, Bound } from './address-book.js';
import type { Joined } from './end.js';
import type { MemoryTurn } from './memory-turn.js';

/** A listening socket. What comes before `Start` or while it is paused waits in its queue, however many they are. */
export class MemoryListener extends ListenerHandle<Joined, MemoryTurn> implements Acceptor {
  #place: Bound | undefined;
  /** The table is full. */
  #isStarving = false;

  get readable(): boolean {
    return !this.paused && !this.#isStarving && this.accepted.length > 0;
  }

  open(place: Bound): void {
    this.#place = place;
  }

  accept(joined: Joined): void {
    if (this.letIn(joined, joined.remote)) return;
    if (joined.remote.family === 'unix') joined.end.close();
    else joined.end.reset();
  }

  end(_mode: number, freed: () => void): void {
    this.#place?.unbind();
    this.shutDoor(({ end }) => end.reset());
    freed();
  }

  address(side: 'local' | 'remote'): Address | undefined {
    return side === 'local' ? this.#place?.address : undefined;
  }

  protected admit(accepted: Accepted<Joined>): number | undefined {
    return this.reactor.admit(accepted, this);
  }

  protected starve(): void {
    this.#isStarving = true;
    this.reactor.whenSlotIsFree(() => {
      this.#isStarving = false;
      this.offerInput();
    });
  }
}
