import { expect, it } from 'vitest';
import { CALLBACK_NAMES } from '../../src/mux/callbacks.js';
import { describeEngines } from '../engines.js';
import { Conversation, codeBlocks, programUnder, readDocument, startPrinted } from './documents.js';

const README = readDocument('README.md');

it('the README lists every callback', () => {
  const listed = [...README.matchAll(/^\| `(mux_\w+)` \|/gm)].map(([, name]) => name);
  expect(listed.sort()).toEqual([...CALLBACK_NAMES].sort());
});

it('the README serves two ports as the recipe does, which is run', () => {
  const [, fragment = ''] = codeBlocks(README, 'js');
  const recipe = programUnder('docs/recipes.md', 'Two ports, two services');
  const [definition] = fragment.split('mux.setCallbackObject(accepting');
  expect(definition).toContain('mux.setCallbackObject(object, fh)');
  expect(recipe).toContain(definition);
});

describeEngines('the echo server of the README', (engine) => {
  it('has 15 lines, echoes when it is saved as echo.mjs, and says how to start it', async () => {
    const code = programUnder('README.md', 'An echo server');
    expect(code.trimEnd().split('\n')).toHaveLength(15);
    expect(README).toContain('Save this as `echo.mjs`, run `node echo.mjs`, and talk to it with `nc 127.0.0.1 7000`');
    const { port } = await startPrinted(code, engine, [7000]);
    const client = new Conversation(port(7000));
    client.socket.end('one\r\ntwo\nthree, without an end');
    expect(await client.ended).toBe('I am an echo. Speak.\none\ntwo\n');
  });
});
