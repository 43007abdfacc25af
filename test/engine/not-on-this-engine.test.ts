import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NOT_ON_NODE } from '../../src/engine/node-limits.js';
import { Probe } from './probe.js';

const REFUSAL = { name: 'NetmuxError', code: 'NETMUX_NOT_ON_THIS_ENGINE' };
const LOOPBACK = { family: 4, host: '127.0.0.1', port: 0 } as const;

/** One attempt for each row of the table. */
const attempts: Record<keyof typeof NOT_ON_NODE, (probe: Probe) => Promise<unknown>> = {
  adopt: async ({ engine }) => engine.adopt(0, {}),
  unixDatagram: ({ engine }) => engine.bind({ family: 'unix', path: '/tmp/netmux-never-made' }, {}),
  reusePort: ({ engine }) => engine.listen(LOOPBACK, { reusePort: true }),
  tuning: ({ engine }) => engine.listen(LOOPBACK, { tuning: Int32Array.of(0, 7, 0, 0, 0, 0, 0) }),
  release: async (probe) => probe.engine.release(await probe.listen()),
};

describe('what the pure-Node engine refuses', () => {
  it.each(Object.entries(attempts))('%s fails with a code and says what it was', async (row, attempt) => {
    const said = NOT_ON_NODE[row as keyof typeof NOT_ON_NODE];
    await expect(attempt(new Probe())).rejects.toMatchObject(REFUSAL);
    await expect(attempt(new Probe())).rejects.toThrow(said);
  });

  it('is also SO_REUSEPORT on a datagram socket, and taking one out', async () => {
    const probe = new Probe();
    await expect(probe.engine.bind(LOOPBACK, { reusePort: true })).rejects.toMatchObject(REFUSAL);
    const slot = await probe.engine.bind(LOOPBACK, {});
    expect(() => probe.engine.release(slot)).toThrow(expect.objectContaining(REFUSAL));
    // Refused, and nothing half done: the port is still its own.
    const address = probe.engine.address(slot, 'local') as { port: number };
    const rival = createSocket('udp4');
    await expect(
      new Promise((resolve, reject) => {
        rival.on('error', reject);
        rival.bind(address.port, '127.0.0.1', () => resolve('bound'));
      }),
    ).rejects.toMatchObject({ code: 'EADDRINUSE' });
    rival.close();
  });

  it('is listed in docs/engines.md, row by row', () => {
    const page = readFileSync(new URL('../../docs/engines.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| ([^|]+) \| `NETMUX_NOT_ON_THIS_ENGINE` \|/gm)].map((match) => match[1]);
    expect(rows.sort()).toEqual(Object.values(NOT_ON_NODE).sort());
  });
});
