import { expect, it } from 'vitest';
import { describeAllEngines } from '../engines.js';
import { openScene } from './scene.js';

describeAllEngines('addresses of a connection that is over', (engine) => {
  for (const [end, how] of [
    ['both FINs', 'fin'],
    ['a reset', 'reset'],
  ] as const) {
    it(`answer in mux_eof and mux_close after ${end}`, async () => {
      const seen: unknown[] = [];
      const scene = await openScene(engine, {
        steps: {
          mux_connection: (_, fh) => {
            if (how === 'fin') fh.shutdown(1);
          },
          mux_eof: (_, fh) => void seen.push([fh.remoteAddress, fh.remotePort, fh.localPort]),
          mux_close: (_, fh) => void seen.push([fh.remoteAddress, fh.remotePort, fh.localPort]),
        },
      });
      const peer = await scene.connect();
      await scene.until('mux_connection c1');
      const { localPort } = peer.socket;
      if (how === 'fin') peer.socket.end();
      else peer.reset();
      await scene.until('mux_close c1');
      const expected = ['127.0.0.1', localPort, scene.port];
      expect(seen).toEqual([expected, expected]);
    });
  }
});
