/**
 * The contract between the reactor core and TypeScript: the layout of the memory that both sides see.
 * `native/contract.h` is its mirror; a test compares the two, name by name.
 *
 * A record tells TypeScript what happened; a command tells the core what to do. Both are four Int32 words:
 *
 *     word 0   kind | slot << 8        (read the slot with `>>> 8`)
 *     word 1   generation of the slot  (compared for equality only)
 *     word 2   a                       (meaning depends on the kind)
 *     word 3   b
 *
 * A record or a command whose generation is not the slot's present one is about an earlier owner and is dropped.
 * The pure-Node engine speaks the same contract, so everything above it is written once.
 */

/** Words of a record and of a command. */
export const WORDS = 4;

/** Records in a batch: enough to share one call into JS among many sockets, few enough that no write waits long. */
export const RECORD_CAPACITY = 1024;

/** Commands in the ring; a full ring is drained, so this only bounds how often that happens. */
export const COMMAND_CAPACITY = 4096;

/** Bytes of the read slab. It stays inside the L2 cache: streaming costs 1.3–1.8 × with a slab of 1 MiB. */
export const READ_SLAB_BYTES = 128 * 1024;

/** Bytes of the output slab. A write that does not fit goes in pieces or by reference. */
export const OUTPUT_SLAB_BYTES = 256 * 1024;

/** From this size on `write(buffer)` sends straight from the caller's memory. */
export const REFERENCE_MIN_BYTES = 16 * 1024;

/** Length of a slot number: word 0 keeps 24 bits for it. */
export const MAX_HANDLES_LIMIT = 1 << 24;

/** An address block begins with this many bytes; a UNIX path follows it. See `src/engine/address.ts`. */
export const ADDRESS_BYTES = 24;

/** What happened. Word 2 and 3 are given as (a, b); `–` means unused. */
export const enum RecordKind {
  /** A connection was accepted into this slot. (listener's slot, –) */
  Accept = 1,
  /** Bytes arrived; they lie in the read slab. (offset, length > 0) */
  Data = 2,
  /** A datagram arrived: an address block (padded to 4 bytes), then the payload, which may be empty. (offset of the block, length of the payload) */
  Datagram = 3,
  /** No more input: the peer's FIN (0), a read error (errno), or the answer to `Discard` with a = 1. (errno or 0, –) */
  Eof = 4,
  /** A flush emptied the outbox; only for slots whose interest has `Interest.Drained`. (–, –) */
  Drained = 5,
  /** What `ShutWrite` asked for is done: all was sent and writing is shut down. (–, –) */
  Flushed = 6,
  /** Writing failed; the outbox is gone. EFAULT: a referenced buffer is not what it was. (errno, –) */
  WriteFailed = 7,
  /** The slot's wheel entry came due. Look at `deadline` again before calling anybody. (–, –) */
  Timer = 8,
  /** An outgoing connection is established. (–, –) */
  Connected = 9,
  /** An outgoing connection failed. (errno, –) */
  ConnectFailed = 10,
  /** Accepting failed for want of resources and is paused for a while; at most one a second. (errno, –) */
  ListenerError = 11,
  /** A datagram was refused, now or earlier (ICMP), or with b = 1 one that came was too long, and is lost. (errno, 0 or 1) */
  SendFailed = 12,
  /** A listener's limits have kept connections out; at most one a second for each reason. (Refusal, how many since the last one) */
  Refused = 13,
  /** The connection has reached a limit of time, and is not watched for any more. (Expiry, –) */
  Expired = 14,
}

/** Why a connection was not let in, in the order in which the limits are looked at. */
export const enum Refusal {
  None = 0,
  Address = 1,
  Network = 2,
  Listener = 3,
  Connections = 4,
  ListenerRate = 5,
  Rate = 6,
}

/** Length of a table by `Refusal`. */
export const REFUSALS = 7;

/** Which limit of time was reached. */
export const enum Expiry {
  None = 0,
  FirstByte = 1,
  Idle = 2,
  Lifetime = 3,
  Slow = 4,
}

/** Float64 words of a listener's limits; 0 = no limit. */
export const enum LimitWord {
  /** Names the multiplexer: what is counted in all is counted over the listeners with one owner. */
  Owner = 0,
  Connections = 1,
  PerAddress = 2,
  PerNetwork = 3,
  /** Connections per second. */
  Rate = 4,
  /** At once; at least 1 where there is a rate. */
  Burst = 5,
  ListenerConnections = 6,
  ListenerRate = 7,
  ListenerBurst = 8,
  FirstByteMs = 9,
  IdleMs = 10,
  LifetimeMs = 11,
  /** Bytes per second. */
  MinByteRate = 12,
}

/** Length of a listener's limits. */
export const LIMIT_WORDS = 13;

/** Bytes of an exempt block of addresses: sixteen of the address, an IPv4 one in its mapped form, and the length of its prefix in bits. */
export const BLOCK_BYTES = 17;

/** Int32 words of a socket's tuning; 0 = as the machine has it. */
export const enum TuningWord {
  /** Seconds. */
  KeepAliveDelay = 0,
  /** Seconds. */
  KeepAliveInterval = 1,
  KeepAliveCount = 2,
  UserTimeoutMs = 3,
  /** Bytes. */
  SendBuffer = 4,
  /** Bytes. */
  ReceiveBuffer = 5,
  /** Seconds. */
  DeferAccept = 6,
}

/** Length of a socket's tuning. */
export const TUNING_WORDS = 7;

/** What to do. Also what a drain executes in the middle of a turn frees no slot and calls nobody. */
export const enum CommandKind {
  /** Send bytes of the output slab; an empty one only reports `Drained`. (offset, length) */
  Write = 1,
  /** Send bytes of the read slab. (offset, length) */
  Forward = 2,
  /** Send a referenced buffer, whole. (reference number, length) */
  WriteReference = 3,
  /** Send one datagram: an address block (padded to 4 bytes; family 0 = the connected peer), then the payload, in the output slab. (offset of the block, length of the payload) */
  Send = 4,
  /** Forget everything queued for this slot. (–, –) */
  KillOutput = 5,
  /** Flush, then shut down writing, then report `Flushed`. (–, –) */
  ShutWrite = 6,
  /** Read and throw away all input from now on; with a = 1 report one `Eof` for it. (0 or 1, –) */
  Discard = 7,
  /** Give the descriptor back and free the slot. (CloseMode, –) */
  Close = 8,
  /** Stop reading. (–, –) */
  Pause = 9,
  /** Read again. (–, –) */
  Resume = 10,
  /** Put the slot's `deadline` into the wheel. (–, –) */
  Arm = 11,
  /** Begin to watch: nothing is accepted or read before. (–, –) */
  Start = 12,
}

/** How `CommandKind.Close` ends a connection; its second word is how many milliseconds `Linger` may take. */
export const enum CloseMode {
  /** Queued output is dropped, the descriptor closed. */
  Abort = 0,
  /** All output has been sent: shut down writing, read and discard until the peer's FIN or the linger limits, then close. */
  Linger = 1,
  /** Queued output is dropped and the peer gets a reset. */
  Reset = 2,
}

/** Int32 words of `control`. */
export const enum Control {
  /** Commands in the ring. Written by both sides. */
  CommandCount = 0,
  /** Bytes used of the output slab. Written by both sides. */
  OutputUsed = 1,
  /** 1 while the core waits for JS to return from a batch: what is queued meanwhile needs no flush of its own. */
  InTurn = 2,
  /** How long a turn that had events goes on looking for more before it ends. Written by JS, read by the native core only. */
  BusyPollMicros = 3,
}

/** Float64 words of `counters`: what the engine has done since it exists. */
export const enum Counter {
  /** Wake-ups that looked for events. */
  Turns = 0,
  /** Calls into JavaScript. */
  Batches = 1,
  /** Records in them. */
  Records = 2,
  /** How often a listener had to rest for want of descriptors, memory or slots. */
  AcceptPauses = 3,
  /** Timers that came due and were reported. */
  Timers = 4,
  /** Datagrams that were longer than one can be received, and thrown away. */
  DatagramsTooLong = 5,
}

/** Length of `counters`. */
export const COUNTERS = 6;

/** Int32 words of `control` in all. */
export const CONTROL_WORDS = 4;

/** Bits of the slot's `interest` byte; written by TypeScript only. */
export const enum Interest {
  /** Report `RecordKind.Drained`. */
  Drained = 1,
  /** Input is unread: a message has begun, which the peer is to finish in time. */
  Unfinished = 2,
}

/** What an adopted descriptor is. */
export const enum HandleKind {
  Listener = 1,
  Stream = 2,
  Datagram = 3,
}

/** First byte of an address block. */
export const enum AddressFamily {
  /** No address: the connected peer, or a sender without a name. */
  None = 0,
  IPv4 = 4,
  IPv6 = 6,
  Unix = 1,
}

/** Bits of the options of the core's `listen`, `bind` and `connect`. */
export const enum SocketFlag {
  /** IPV6_V6ONLY; without it an IPv6 listener serves IPv4, too. */
  V6Only = 1,
  /** SO_REUSEPORT. */
  ReusePort = 2,
  /** TCP_NODELAY; accepted sockets inherit it. */
  NoDelay = 4,
  /** SO_KEEPALIVE; accepted sockets inherit it. */
  KeepAlive = 8,
  /** SO_BROADCAST. */
  Broadcast = 16,
  /** A datagram socket in place of a stream. */
  Datagram = 32,
}
