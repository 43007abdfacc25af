/** A peer that sends as fast as the server takes it, in a thread of its own, until it is terminated. */
import { connect } from 'node:net';
import { workerData } from 'node:worker_threads';

const CHUNK = Buffer.alloc(256 * 1024, 'F');

const socket = connect({ port: (workerData as { port: number }).port, host: '127.0.0.1' });
const send = (): void => {
  while (socket.write(CHUNK));
};
socket.on('connect', send).on('drain', send);
