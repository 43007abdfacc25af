import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { describeEngines } from '../engines.js';
import { itWith, Program, startExample } from './programs.js';

describeEngines('the echo example', (engine) => {
  itWith('nc')('sends back what nc sends, line by line', async () => {
    const { host, port } = await startExample('echo', engine);
    const nc = new Program('nc', [host, `${port}`]);
    for (const line of ['first', 'second', 'grüße 🙂']) {
      nc.write(`${line}\n`);
      expect(await nc.line()).toBe(line);
    }
  });

  itWith('socat')('sends back a megabyte that socat pipes through it, and closes at its end', async () => {
    const { host, port } = await startExample('echo', engine);
    const bytes = randomBytes(1024 * 1024);
    const socat = new Program('socat', ['-t', '10', '-', `TCP:${host}:${port}`]);
    socat.end(bytes);
    expect((await socat.ended).code).toBe(0);
    expect(Buffer.concat(socat.output).equals(bytes)).toBe(true);
  });

  it('stops reading from a peer that does not read, and loses nothing', async () => {
    const { host, port } = await startExample('echo', engine);
    // More than the kernel keeps and more than `maxOutbuffer`: an echo that reads on would have to close.
    const bytes = randomBytes(48 * 1024 * 1024);
    const socket = connect({ host, port, allowHalfOpen: true });
    socket.end(bytes);
    // The peer stands still when two looks at it, half a second apart, find that no more was taken.
    for (let sent = -1; sent !== socket.bytesWritten - socket.writableLength; ) {
      sent = socket.bytesWritten - socket.writableLength;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    expect((await buffer(socket)).equals(bytes)).toBe(true);
  });
});
