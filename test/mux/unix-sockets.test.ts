import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeEngines } from '../engines.js';
import { Peer } from './peer.js';
import { openScene, temporaryDirectory } from './scene.js';

const linux = process.platform === 'linux';

describeEngines('UNIX stream sockets', (engine) => {
  it('half-close, large output and reset work as over TCP', async () => {
    const path = join(temporaryDirectory(), 's');
    const scene = await openScene(engine, {
      listen: { path },
      steps: { mux_input: (_, fh, data) => void fh.write(Buffer.alloc(data.take().length * (4 << 20), 'z')) },
    });
    const peer = await Peer.connect(path, { reading: false });
    await peer.finish('go');
    await scene.until('mux_eof c1 ""');
    peer.startReading();
    expect(await peer.end()).toMatchObject({ bytes: 8 << 20, by: 'fin' });
    await scene.until('mux_close c1');
    expect(scene.log).toEqual(['mux_connection c1', 'mux_input c1 "go"', 'mux_eof c1 ""', 'mux_close c1']);
  });

  it('a client that goes away with output queued is mux_epipe and mux_close', async () => {
    const path = join(temporaryDirectory(), 's');
    const scene = await openScene(engine, { listen: { path } });
    const peer = await Peer.connect(path, { reading: false });
    await scene.until('mux_connection c1');
    const fh = scene.journal.handleOf('c1');
    fh.write(Buffer.alloc(8 << 20));
    await scene.fence();
    peer.socket.destroy();
    await scene.until('mux_close c1');
    await scene.fence();
    expect(scene.log).toEqual(['mux_connection c1', 'mux_eof c1 ""', 'mux_epipe c1', 'mux_close c1']);
  });

  it.skipIf(!linux)('an abstract name works, and makes no file', async () => {
    const path = `\0netmux-test-${process.pid}-${engine}`;
    const scene = await openScene(engine, {
      listen: { path },
      steps: {
        mux_input: (_, fh, data) => {
          const text = data.take().toString();
          if (text === 'ping') fh.write('pong');
        },
      },
    });
    const known = readFileSync('/proc/net/unix', 'utf8')
      .split('\n')
      .map((line) => line.split(' ').at(-1));
    const name = `@${path.slice(1)}`;
    // Node 20 fills the name up with NULs, which /proc shows as @; it reaches only what is bound in the same way.
    const names = engine === 'native' ? [name] : [name, name.padEnd(108, '@')];
    expect(names.filter((one) => known.includes(one))).toHaveLength(1);
    const out = scene.mux.connect({ path });
    scene.journal.name(out, 'out');
    await scene.until('mux_connection out');
    out.write('ping');
    await scene.until('mux_input out "pong"');
  });

  it('a path of 107 bytes works', async () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'x'.repeat(107 - directory.length - 1));
    expect(Buffer.byteLength(path)).toBe(107);
    const scene = await openScene(engine, { listen: { path } });
    await Peer.connect(path);
    await scene.until('mux_connection c1');
  });

  it('connects to a server of node:net', async () => {
    const path = join(temporaryDirectory(), 's');
    const server = createServer((socket) => socket.end('from node'));
    await new Promise<void>((resolve) => {
      server.listen(path, () => resolve());
    });
    const scene = await openScene(engine);
    const out = scene.mux.connect({ path });
    scene.journal.name(out, 'out');
    await scene.until('mux_close out');
    expect(scene.log).toEqual(['mux_connection out', 'mux_input out "from node"', 'mux_eof out ""', 'mux_close out']);
    server.close();
  });
});
