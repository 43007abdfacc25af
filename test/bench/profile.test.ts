/** What the profiles are made of: callgrind's file, V8's map of compiled code, strace's counts. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseCallgrind } from '../../bench/profile/callgrind-file.js';
import { CompiledCode } from '../../bench/profile/compiled-code.js';
import { parsePerfReport } from '../../bench/profile/perf.js';
import { costLines } from '../../bench/profile/tool.js';
import { SystemCallCounter } from '../../bench/system-calls.js';

test('the cost of a function is its own, not that of what it calls', () => {
  const costs = parseCallgrind(`version: 1
events: Ir

ob=(1) /usr/bin/server
fl=(1) ???
fn=(1) main
0 10
cob=(2) /lib/libc.so.6
cfi=(1)
cfn=(2) recv
calls=3 0
0 300
+0 5

ob=(2)
fl=(1)
fn=(2)
0 300

ob=(1)
fn=(1)
* 7

totals: 322
`);
  expect(costs).toEqual([
    { object: '/usr/bin/server', name: 'main', self: 22 },
    { object: '/lib/libc.so.6', name: 'recv', self: 300 },
  ]);
});

test('an address of compiled code gets the name that V8 has written down, the last one where memory was used again', () => {
  const file = CompiledCode.fileOf(process.pid);
  writeFileSync(
    file,
    'a000 100 Builtin:Load\nb000 80 JS:~old file:///home/x/dist/lib/index.cjs:1:1\nb000 80 JS:*dispatch file:///home/x/dist/lib/index.cjs:9:2\n',
  );
  const code = CompiledCode.take(process.pid);
  expect(code.nameOf('0x000000000000b07f')).toBe('JS:*dispatch dist/lib/index.cjs:9:2');
  expect(code.nameOf('0x000000000000b080')).toBe('0x000000000000b080');
  expect(code.nameOf('0x0000000000009fff')).toBe('0x0000000000009fff');
  expect(code.nameOf('uv__io_poll')).toBe('uv__io_poll');
  expect(existsSync(file)).toBe(false);
});

test('costs are listed from the largest, and the small ones together', () => {
  const costs = new Map([
    ['small', 1],
    ['large', 20],
    ['middle', 3],
    ['tiny', 0.5],
  ]);
  expect(costLines(costs, 2, 1, 'µs')).toEqual(['20.0 µs  large', ' 3.0 µs  middle', ' 1.5 µs  in 2 others']);
});

test('system calls of another process are counted by name, where strace may look', async ({ skip }) => {
  // Each byte on its input is answered by one on its output.
  const child = spawn('cat', [], { stdio: ['pipe', 'pipe', 'ignore'] });
  try {
    child.stdin.write('1');
    await once(child.stdout, 'data');
    const counter = await SystemCallCounter.attach(child.pid!);
    if (counter === undefined) return skip('strace is not on the path, or may not attach');
    for (let i = 0; i < 5; i++) {
      child.stdin.write('1');
      await once(child.stdout, 'data');
    }
    const calls = await counter.detach();
    expect(calls.get('write')).toBe(5);
    expect(calls.has('total')).toBe(false);
  } finally {
    child.kill();
  }
});

test('a process that is gone is not looked at', async () => {
  const child = spawn('true');
  await once(child, 'close');
  expect(await SystemCallCounter.attach(child.pid!)).toBeUndefined();
});

test('what perf saw in compiled JavaScript counts, though its name for that has blanks', () => {
  const report = `# Overhead  Shared Object      Symbol
    20.52%  [kernel.kallsyms]  [k] tcp_ack
     4.37%  libc.so.6          [.] __send
     2.02%  [JIT] tid 32478    [.] JS:*writeOrBuffer node:internal/streams/writable:548:23
     0.10%  node               [.] v8::internal::(anonymous namespace)::Invoke
`;
  expect(parsePerfReport(report)).toEqual([
    { percent: 20.52, object: 'kernel', symbol: 'tcp_ack' },
    { percent: 4.37, object: 'libc.so.6', symbol: '__send' },
    { percent: 2.02, object: 'compiled JavaScript', symbol: 'JS:*writeOrBuffer node:internal/streams/writable:548:23' },
    { percent: 0.1, object: 'node', symbol: 'v8::internal::(anonymous namespace)::Invoke' },
  ]);
});
