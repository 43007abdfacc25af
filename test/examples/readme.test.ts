import { expect, it } from 'vitest';
import { CALLBACK_NAMES } from '../../src/mux/callbacks.js';
import { describeEngines } from '../engines.js';
import { Conversation, codeBlocks, programUnder, readDocument, startFiles, startPrinted } from './documents.js';

const README = readDocument('README.md');

it('the README lists every callback', () => {
  const listed = [...README.matchAll(/^\| `(mux_\w+)` \|/gm)].map(([, name]) => name);
  expect(listed.sort()).toEqual([...CALLBACK_NAMES].sort());
});

it('the README is read to its end: it has at most 150 lines', () => {
  expect(README.trimEnd().split('\n').length).toBeLessThanOrEqual(150);
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

describeEngines('the server of the README', (engine) => {
  it('counts lines when it is saved as counter.mjs and run by the command', async () => {
    const code = codeBlocks(README, 'js').find((block) => block.includes('export default class Counter'))!;
    expect(README).toContain('Save this as `counter.mjs`');
    const files = { 'counter.mjs': code, 'counter.conf': 'port 7000\ncidr_allow 127.0.0.0/8\n' };
    const command = ['node_modules/netmux/dist/cli/netmux.js', './counter.mjs', '--conf_file', 'counter.conf'];
    const { port } = await startFiles(files, command, engine, [7000]);
    const client = new Conversation(port(7000));
    client.socket.end('one\ntwo\n');
    expect(await client.ended).toBe('1 one\n2 two\n');
  });
});
