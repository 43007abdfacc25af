import { NetmuxError } from '../errors.js';

/** What the pure-Node engine refuses, by a short name. `docs/engines.md` has the same rows, word for word; a test compares them. */
export const NOT_ON_NODE = {
  adopt: 'foreign descriptors: `mux.add(fd)`; `listen({ fd })` of a datagram socket',
  unixDatagram: "UNIX datagram sockets: `listen({ path, proto: 'unixdgram' })`",
  reusePort: 'SO_REUSEPORT: `listen({ reusePort: true })`',
  tuning: '`keepAliveInterval`, `keepAliveCount`, `userTimeout`, `sendBufferSize`, `receiveBufferSize`, `deferAccept`',
  release: 'taking a listener or a datagram socket out: `mux.remove(listener)`',
} as const;

/** The error of a call that this engine cannot offer. */
export function notOnThisEngine(row: keyof typeof NOT_ON_NODE): NetmuxError {
  return new NetmuxError('NETMUX_NOT_ON_THIS_ENGINE', `the pure-Node engine does not offer ${NOT_ON_NODE[row]}`);
}

/** A handful of callbacks, then other handles of the process get their turn; the same as the native core's. */
export const TURN_BUDGET_MS = 4;

/** Slots. Far above what Node's sockets are used for; untouched pages of the tables cost nothing. */
export const MAX_HANDLES = 1 << 17;

/** Handed to a socket at a time. What libuv holds cannot be taken back by `KillOutput`, so this bounds that. */
export const PIECE_BYTES = 64 * 1024;

/** A UNIX listener whose backlog is full refuses with EAGAIN; the kernel does not tell when there is room again. */
export const CONNECT_RETRY_MS = 20;
