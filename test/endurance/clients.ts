/** Clients: honest ones, which check what they get, and the means to make others. Those that take times are a `Prober`'s. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What connects at a time while many are opened: below the accept queue of any machine. */
const OPENED_AT_A_TIME = 100;

/** A socket whose errors are its owner's to look for: an attacker's connections are meant to break. */
export function openSocket(port: number, from?: string): Socket {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, ...(from !== undefined && { localAddress: from }) });
  socket.on('error', () => {});
  return socket;
}

/** Runs `work` for each number below `count`, at most `together` at a time. */
export async function each(count: number, together: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(count, together) }, worker));
}

/** @throws when one of them is not let in */
export async function openMany(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  await each(count, OPENED_AT_A_TIME, async () => {
    const socket = openSocket(port);
    await once(socket, 'connect');
    sockets.push(socket);
  });
  return sockets;
}

/** Resolves when the socket is closed, also when it is already. */
export async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()));
}

/** Sends `message` and waits for it. @returns whether it came back, whole and unchanged, before the connection ended */
export function exchange(socket: Socket, message: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    let received = Buffer.alloc(0);
    const settle = (answered: boolean): void => {
      socket.off('data', onData).off('end', onEnd).off('close', onEnd);
      resolve(answered);
    };
    const onData = (bytes: Buffer): void => {
      received = Buffer.concat([received, bytes]);
      if (received.length >= message.length) settle(received.equals(message));
    };
    const onEnd = (): void => settle(false);
    if (socket.destroyed) return resolve(false);
    socket.on('data', onData).on('end', onEnd).on('close', onEnd);
    socket.write(message);
  });
}

/** Clients that speak again and again, one message at a time, until `work` is done. @returns how many messages were not answered */
export async function served(sockets: readonly Socket[], pauseMs: number, work: () => Promise<unknown>): Promise<number> {
  let unanswered = 0;
  let over = false;
  const speak = async (socket: Socket, number: number): Promise<void> => {
    for (let message = 0; !over; message += 1) {
      if (!(await exchange(socket, Buffer.from(`client ${number}, message ${message}\n`)))) {
        unanswered += 1;
        return;
      }
      await sleep(pauseMs);
    }
  };
  const speakers = sockets.map(speak);
  await work().finally(() => {
    over = true;
  });
  await Promise.all(speakers);
  return unanswered;
}
