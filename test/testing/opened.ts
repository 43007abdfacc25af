import { onTestFinished } from 'vitest';
import { type ListenOptions, Mux, type MuxCallbacks, type MuxOptions } from '../../src/index.js';
import { TestNetwork, type TestNetworkOptions } from '../../src/testing/index.js';
import { Journal, recorder } from '../mux/journal.js';

/** What the multiplexer listens on. */
export const PORT = 7000;

interface Options {
  readonly network?: TestNetworkOptions;
  readonly mux?: MuxOptions;
  readonly listen?: ListenOptions;
}

/** A multiplexer that listens on PORT and writes down what happens. */
export async function open(steps: MuxCallbacks = {}, options: Options = {}) {
  const network = new TestNetwork(options.network);
  const mux = new Mux({ engine: network.engine, warn: () => {}, ...options.mux });
  const journal = new Journal();
  mux.setCallbackObject(recorder(journal, steps));
  const listener = await mux.listen(options.listen ?? { port: PORT, host: '127.0.0.1' }).ready;
  journal.name(listener, 'listener');
  const over = mux.loop();
  onTestFinished(() => mux[Symbol.asyncDispose]());
  return { network, mux, journal, log: journal.lines, listener, over };
}

/** Says what it hears. */
export const echo: MuxCallbacks = {
  mux_input: (_mux, fh, data) => {
    fh.write(data);
    data.consume();
  },
};
