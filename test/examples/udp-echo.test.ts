import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { describeEngines } from '../engines.js';
import { itWith, Program, startExample } from './programs.js';

describeEngines('the udp-echo example', (engine) => {
  itWith('socat')('answers each socat with its own datagrams', async () => {
    const { host, port } = await startExample('udp-echo', engine);
    const [one, two] = [1, 2].map(() => new Program('socat', ['-', `UDP:${host}:${port}`])) as [Program, Program];
    one.write('from one\n');
    two.write('from two\n');
    expect(await two.line()).toBe('from two');
    expect(await one.line()).toBe('from one');
    one.write('again\n');
    expect(await one.line()).toBe('again');
  });

  itWith('nc')('answers nc -u', async () => {
    const { host, port } = await startExample('udp-echo', engine);
    const nc = new Program('nc', ['-u', host, `${port}`]);
    nc.write('hello\n');
    expect(await nc.line()).toBe('hello');
  });

  it('keeps datagrams apart, of every length from none to the greatest', async () => {
    const { host, port } = await startExample('udp-echo', engine);
    const socket = createSocket('udp4');
    try {
      for (const length of [5, 0, 1, 1472, 9000, 65_507]) {
        const sent = randomBytes(length);
        socket.send(sent, port, host);
        const [received] = (await once(socket, 'message')) as [Buffer];
        expect(received.equals(sent)).toBe(true);
      }
    } finally {
      socket.close();
    }
  });
});
