import type { Socket } from 'node:net';

/** Who is told what happens to a socket. */
export interface SocketOwner {
  connected(): void;
  received(chunk: Buffer): void;
  /** The peer's FIN. */
  ended(): void;
  /** All that was written has left. */
  drained(): void;
  /** Writing is shut down. */
  finished(): void;
  failed(error: NodeJS.ErrnoException): void;
  /** The descriptor is closed. */
  vanished(): void;
}

const owner = Symbol('netmux owner');

interface OwnedSocket extends Socket {
  [owner]?: SocketOwner | undefined;
}

// One function for all sockets: a connection costs no closures.
function onConnect(this: OwnedSocket): void {
  this[owner]?.connected();
}
function onData(this: OwnedSocket, chunk: Buffer): void {
  this[owner]?.received(chunk);
}
function onEnd(this: OwnedSocket): void {
  this[owner]?.ended();
}
function onDrain(this: OwnedSocket): void {
  this[owner]?.drained();
}
function onFinish(this: OwnedSocket): void {
  this[owner]?.finished();
}
function onError(this: OwnedSocket, error: NodeJS.ErrnoException): void {
  this[owner]?.failed(error);
}
function onClose(this: OwnedSocket): void {
  this[owner]?.vanished();
}

/** From now on `by` is told. The socket reads nothing until it is resumed, and does not keep Node's loop alive. */
export function own(socket: Socket, by: SocketOwner): void {
  const owned = socket as OwnedSocket;
  const known = owner in owned;
  owned[owner] = by;
  if (known) return;
  socket.pause();
  socket.on('connect', onConnect);
  socket.on('data', onData);
  socket.on('end', onEnd);
  socket.on('drain', onDrain);
  socket.on('finish', onFinish);
  socket.on('error', onError);
  socket.on('close', onClose);
  socket.unref();
}

/** Nobody is told any more; errors are swallowed. */
export function disown(socket: Socket): void {
  (socket as OwnedSocket)[owner] = undefined;
}
