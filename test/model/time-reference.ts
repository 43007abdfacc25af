/** What limits of time are to do to connections, from docs/limits.md and not from the code. It knows a clock, and nothing else but counts. */
import fc from 'fast-check';

/** Options of the multiplexer; 0 = no limit. */
export interface TimeSettings {
  readonly firstByteTimeout: number;
  readonly idleTimeout: number;
  readonly maxLifetime: number;
  readonly minByteRate: number;
}

export const CONNECTIONS = 3;

/** A message of the protocol; a callback leaves what is less. */
export const MESSAGE_BYTES = 10;

/** What a client can be sent that does not read. */
export const CLIENT_BUFFER_BYTES = 1000;

/** The rate is judged over so long. */
const WINDOW_MS = 5000;

export type TimeStep =
  | { readonly client: number; readonly does: 'connect' | 'stop reading' | 'read on' }
  | { readonly client: number; readonly does: 'send'; readonly bytes: number }
  | { readonly server: number; readonly does: 'pause' | 'resume' | 'no timer' }
  | { readonly server: number; readonly does: 'write'; readonly bytes: number }
  | { readonly server: number; readonly does: 'timer'; readonly ms: number }
  /** Several at once: null takes it away. The last one counts. */
  | { readonly server: number; readonly does: 'timers'; readonly all: readonly (number | null)[] }
  | { readonly ms: number };

const one = fc.nat(CONNECTIONS - 1);
const bytes = fc.oneof(fc.integer({ min: 1, max: 3 * MESSAGE_BYTES }), fc.constant(2 * MESSAGE_BYTES));

const step: fc.Arbitrary<TimeStep> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ client: one, does: fc.constant('send' as const), bytes }) },
  { weight: 2, arbitrary: fc.record({ client: one, does: fc.constantFrom('stop reading' as const, 'read on' as const) }) },
  { weight: 2, arbitrary: fc.record({ server: one, does: fc.constantFrom('pause' as const, 'resume' as const, 'no timer' as const) }) },
  { weight: 2, arbitrary: fc.record({ server: one, does: fc.constant('write' as const), bytes: fc.constantFrom(1, 700, 3000) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      server: one,
      does: fc.constant('timers' as const),
      all: fc.array(fc.constantFrom(null, 1, 500, 2000, 5000, 9000), { minLength: 2, maxLength: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ server: one, does: fc.constant('timer' as const), ms: fc.constantFrom(1, 500, 2000, 5000, 9000) }) },
  { weight: 8, arbitrary: fc.record({ ms: fc.constantFrom(1, 499, 500, 1000, 2500, 5000, 6000) }) },
);

export interface TimeScript extends TimeSettings {
  readonly steps: readonly TimeStep[];
}

/** All come, sooner or later. */
export const timeScript: fc.Arbitrary<TimeScript> = fc
  .record({
    firstByteTimeout: fc.constantFrom(0, 2, 3),
    idleTimeout: fc.constantFrom(0, 2, 5.5),
    maxLifetime: fc.constantFrom(0, 7, 20),
    minByteRate: fc.constantFrom(0, 3, 100),
    others: fc.array(step, { minLength: 5, maxLength: 40 }),
    arrivals: fc.tuple(...Array.from({ length: CONNECTIONS }, () => fc.nat(6))),
  })
  .map(({ others, arrivals, ...settings }) => {
    const steps = [...others];
    for (const [client, place] of arrivals.entries()) steps.splice(place, 0, { client, does: 'connect' });
    return { ...settings, steps };
  });

/** Where more than one limit is reached in a moment, the first of these is told. */
const CODES = ['NETMUX_LIFETIME', 'NETMUX_FIRST_BYTE_TIMEOUT', 'NETMUX_IDLE_TIMEOUT', 'NETMUX_TOO_SLOW'] as const;

class Connection {
  isAlive = true;
  isPaused = false;
  isClientReading = true;
  timer: number | undefined;
  /** Sent by the client and not read; read and not consumed; written and not taken. */
  held = 0;
  unread = 0;
  unsent = 0;
  /** In the client's buffer. */
  lent = 0;
  received = 0;
  sent = 0;
  /** When bytes moved last, and when the application began to read again. */
  moved: number;
  resumed: number;
  window: { readonly begin: number; readonly bytes: number; readonly isUnfinished: boolean };

  constructor(readonly opened: number) {
    this.moved = opened;
    this.resumed = opened;
    this.window = { begin: opened, bytes: 0, isUnfinished: false };
  }

  get isUnfinished(): boolean {
    return this.unread > 0 || this.unsent > 0;
  }

  /** All that can move does. */
  move(now: number): void {
    const taken = this.isClientReading ? this.unsent : Math.min(this.unsent, CLIENT_BUFFER_BYTES - this.lent);
    this.unsent -= taken;
    this.sent += taken;
    this.lent = this.isClientReading ? 0 : this.lent + taken;
    const read = this.isPaused ? 0 : this.held;
    this.held -= read;
    this.received += read;
    this.unread = (this.unread + read) % MESSAGE_BYTES;
    if (taken + read > 0) this.moved = now;
  }

  /** When each limit is reached, if nothing happens until then; `undefined` for never. */
  dues({ firstByteTimeout, idleTimeout, maxLifetime, minByteRate }: TimeSettings): readonly (number | undefined)[] {
    const after = (since: number, seconds: number, counts: boolean) => (counts && seconds > 0 ? since + seconds * 1000 : undefined);
    return [
      after(this.opened, maxLifetime, true),
      after(Math.max(this.opened, this.resumed), firstByteTimeout, !this.isPaused && this.received === 0),
      after(Math.max(this.moved, this.resumed), idleTimeout, !this.isPaused),
      after(this.window.begin, WINDOW_MS / 1000, minByteRate > 0),
    ];
  }

  /** Only a message that was unfinished at both ends of the window is judged, and no time of a pause. @returns whether it was too slow */
  endWindow(now: number, rate: number): boolean {
    const { begin, bytes, isUnfinished } = this.window;
    const isJudged = isUnfinished && this.isUnfinished && !this.isPaused && this.resumed <= begin;
    const total = this.received + this.sent;
    this.window = { begin: now, bytes: total, isUnfinished: this.isUnfinished };
    return isJudged && total - bytes < (rate * WINDOW_MS) / 1000;
  }
}

export class TimeReference {
  /** What each connection is told, and when, in milliseconds. */
  readonly told: string[][] = Array.from({ length: CONNECTIONS }, () => []);
  #now = 0;
  readonly #connections: (Connection | undefined)[] = [];
  readonly #settings: TimeSettings;

  constructor(settings: TimeSettings) {
    this.#settings = settings;
  }

  /** @returns false for a step that makes no sense now: nobody takes it */
  take(step: TimeStep): boolean {
    if (!('does' in step)) {
      this.#advance(step.ms);
      return true;
    }
    const index = 'client' in step ? step.client : step.server;
    const c = this.#connections[index];
    if (step.does === 'connect') {
      if (c !== undefined) return false;
      this.#connections[index] = new Connection(this.#now);
      return true;
    }
    if (c === undefined || !c.isAlive) return false;
    switch (step.does) {
      case 'send':
        c.held += step.bytes;
        break;
      case 'stop reading':
      case 'read on':
        c.isClientReading = step.does === 'read on';
        break;
      case 'pause':
        c.isPaused = true;
        break;
      case 'resume':
        if (c.isPaused) c.resumed = this.#now;
        c.isPaused = false;
        break;
      case 'write':
        c.unsent += step.bytes;
        break;
      case 'timer':
        c.timer = this.#now + step.ms;
        break;
      case 'timers': {
        const last = step.all.at(-1)!;
        c.timer = last === null ? undefined : this.#now + last;
        break;
      }
      case 'no timer':
        c.timer = undefined;
        break;
    }
    c.move(this.#now);
    return true;
  }

  #advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const alive = this.#connections.filter((c): c is Connection => c?.isAlive === true);
      const dues = alive.flatMap((c) => [c.timer, ...c.dues(this.#settings)]).filter((due): due is number => due !== undefined);
      const next = Math.min(...dues);
      if (next > end) break;
      this.#now = next;
      for (const c of alive) this.#look(c);
    }
    this.#now = end;
  }

  #look(c: Connection): void {
    const told = this.told[this.#connections.indexOf(c)]!;
    const tell = (what: string) => told.push(`${this.#now} ${what}`);
    if (c.timer === this.#now) {
      c.timer = undefined;
      tell('mux_timeout');
    }
    const [lifetime, firstByte, idle, window] = c.dues(this.#settings).map((due) => due === this.#now);
    const isSlow = window === true && c.endWindow(this.#now, this.#settings.minByteRate);
    const reached = [lifetime, firstByte, idle, isSlow].indexOf(true);
    if (reached < 0) return;
    c.isAlive = false;
    tell(`mux_error ${CODES[reached]}`);
    tell('mux_close');
  }
}
