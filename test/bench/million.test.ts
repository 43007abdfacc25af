/** `npm run bench:million`, with fewer. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { replacePart } from '../../bench/html/documents.js';
import { capacityPart } from '../../bench/million/capacity.js';
import { Initramfs } from '../../bench/million/initramfs.js';
import { bytesEach, type MillionResult, resultLines } from '../../bench/million/result.js';
import { judgeMillions } from '../../bench/million/verdict.js';
import { buildBinaries, ROOT } from '../../bench/toolchain.js';

const folder = mkdtempSync(join(tmpdir(), 'netmux-million-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CONNECTIONS = 300;

/** Starts a server and a load generator, on a machine that may be busy. */
const TIMEOUT_MS = 120_000;

/** Starts a whole machine, emulated. */
const VIRTUAL_TIMEOUT_MS = 15 * 60_000;

async function run(args: readonly string[], environment: NodeJS.ProcessEnv = process.env) {
  const program = join(ROOT, 'out/bench/million/run.js');
  const child = spawn(process.execPath, [program, `--out=${folder}`, ...args], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, output };
}

function expectAll(output: string, status: number | null): MillionResult {
  expect(status, output).toBe(0);
  const result = JSON.parse(readFileSync(join(folder, `million-${CONNECTIONS}.json`), 'utf8')) as MillionResult;
  expect(result).toMatchObject({ asked: CONNECTIONS, connections: CONNECTIONS, answered: CONNECTIONS, faults: [] });
  // Both ends of each connection are on this machine; there may be others.
  expect(result.sockets).toBeGreaterThanOrEqual(2 * CONNECTIONS);
  expect(Number.isFinite(bytesEach(result, 'open', 'resident'))).toBe(true);
  expect(output).toContain(`${CONNECTIONS} connections open at once to one netmux process`);
  expect(output).toContain(`${CONNECTIONS} of ${CONNECTIONS} answered a ping`);
  expect(readFileSync(join(folder, `million-${CONNECTIONS}.log`), 'utf8')).toBe(output);
  return result;
}

const built = buildBinaries();
const hasNative = typeof built !== 'string' && existsSync(join(ROOT, 'build/Release/netmux.node'));

describe.skipIf(!hasNative)('many connections to one native server', () => {
  test(
    'are opened, weighed and pinged without a virtual machine where the limit allows it',
    async () => {
      const { output, status } = await run([`--connections=${CONNECTIONS}`]);
      expect(expectAll(output, status).emulator).toBeUndefined();
    },
    TIMEOUT_MS,
  );

  test.skipIf(process.env.NETMUX_TEST_VM !== '1')(
    'are opened, weighed and pinged in a virtual machine (with NETMUX_TEST_VM=1: it needs qemu and a minute)',
    async () => {
      const { output, status } = await run([`--connections=${CONNECTIONS}`, '--vm']);
      expect(expectAll(output, status).emulator).toContain('emulation');
    },
    VIRTUAL_TIMEOUT_MS,
  );

  test.skipIf(process.arch !== 'x64')('without the emulator the command that installs it is named', async () => {
    const { output, status } = await run(['--vm', '--connections=10'], { ...process.env, PATH: folder });
    expect(status).toBe(1);
    expect(output).toContain('apt-get install -y --no-install-recommends qemu-system-x86\n');
  });
});

test('a number of connections that no process can have is refused', async () => {
  for (const number of ['0', '2000000', 'many']) {
    const { output, status } = await run([`--connections=${number}`]);
    expect(status).toBe(2);
    expect(output).toContain(`--connections=${number}: not a whole number from 1 to`);
  }
});

const NOTHING = { server: { resident: 0, proportional: 0, anonymous: 0 }, kernelSlab: 0, available: 0 };

/** A run on which nothing but these matters. */
function given(change: Partial<MillionResult>): MillionResult {
  const machine = { processor: '', processors: 1, memoryGiB: 1, system: '', kernel: '', node: '', programs: {}, commit: undefined };
  const surroundings = { kernel: '', node: '', processors: 1, memoryBytes: 1 };
  const [counts, times] = [
    { asked: 200_000, connections: 200_000, answered: 200_000, sockets: 0 },
    { openSeconds: 1, pingSeconds: 1 },
  ];
  const levels = { before: NOTHING, open: NOTHING, pinged: NOTHING };
  return { format: 1, date: '2026-01-01', machine, surroundings, ...counts, ...times, messageBytes: 64, faults: [], ...levels, ...change };
}

/** With so many connections of so many bytes each. */
function weighed(connections: number, bytes: number): MillionResult {
  const server = { resident: connections * bytes, proportional: 0, anonymous: 0 };
  return given({ asked: connections, connections, answered: connections, open: { ...NOTHING, server } });
}

test('when not all could be opened the largest number that was reached is told', () => {
  const lines = resultLines(given({ connections: 140_000, answered: 140_000, failure: 'connection 7: Cannot allocate memory' }));
  expect(lines[0]).toBe('only 140,000 of 200,000 connections were reached: connection 7: Cannot allocate memory');
});

test('the target is judged by the largest run in which everybody answered', () => {
  expect(judgeMillions([]).verdict).toBe('not measured');
  expect(judgeMillions([weighed(199_999, 100)]).verdict).toBe('not measured');
  expect(judgeMillions([{ ...weighed(200_000, 100), answered: 199_999 }]).verdict).toBe('not measured');
  expect(judgeMillions([{ ...weighed(200_000, 100), faults: ['1 wrong bytes'] }]).verdict).toBe('not measured');
  expect(judgeMillions([weighed(200_000, 401)])).toMatchObject({ verdict: 'not reached', value: 401, bound: 400 });
  const both = judgeMillions([weighed(1_000_000, 250), weighed(200_000, 401)]);
  expect(both).toMatchObject({ verdict: 'reached', value: 250 });
  expect(both.why).toContain('aim 250 at a million: reached');
  expect(judgeMillions([weighed(1_000_000, 251)]).why).toContain('aim 250 at a million: not reached');
});

/** What the kernel would read: name, mode and content of each entry. */
function readArchive(archive: Buffer): { name: string; mode: number; content: string }[] {
  const aligned = (offset: number): number => Math.ceil(offset / 4) * 4;
  const entries = [];
  for (let offset = 0; offset < archive.length; ) {
    const field = (index: number): number =>
      Number.parseInt(archive.toString('latin1', offset + 6 + index * 8, offset + 14 + index * 8), 16);
    expect(archive.toString('latin1', offset, offset + 6)).toBe('070701');
    const [mode, size, nameSize] = [field(1), field(6), field(11)];
    const name = archive.toString('latin1', offset + 110, offset + 110 + nameSize - 1);
    const begin = aligned(offset + 110 + nameSize);
    entries.push({ name, mode, content: archive.toString('latin1', begin, begin + size) });
    offset = aligned(begin + size);
  }
  return entries;
}

test('the initial file system has each folder once and before what is in it, and ends as the kernel wants', () => {
  const disk = new Initramfs();
  disk.addFile('/a/b/one', 'first');
  disk.addFile('/a/b/two', '');
  disk.addLink('/a/three', 'b/one');
  disk.addDevice('/dev/console', 5, 1);
  expect(readArchive(disk.finish())).toEqual([
    { name: 'a', mode: 0o40755, content: '' },
    { name: 'a/b', mode: 0o40755, content: '' },
    { name: 'a/b/one', mode: 0o100755, content: 'first' },
    { name: 'a/b/two', mode: 0o100755, content: '' },
    { name: 'a/three', mode: 0o120777, content: 'b/one' },
    { name: 'dev', mode: 0o40755, content: '' },
    { name: 'dev/console', mode: 0o20600, content: '' },
    { name: 'TRAILER!!!', mode: 0, content: '' },
  ]);
});

test('the table of the documents takes each row from the smallest run that had as many, and is empty where there is none', () => {
  const kept = [weighed(200_000, 150), weighed(15_000, 100), given({ connections: 2_000_000, answered: 1 })];
  const [, , ten, hundred, million] = capacityPart(kept).split('\n');
  expect(ten).toMatch(/^\| 10,000 \| 1 MB \(100 bytes each\) \| .* \| 15,000 connections, all of which answered/);
  expect(hundred).toMatch(/^\| 100,000 \| 15 MB \(150 bytes each\) \|/);
  expect(million).toBe('| 1,000,000 | not measured yet | not measured yet | |');
  expect(replacePart(readFileSync(join(ROOT, 'docs/many-connections.md'), 'utf8'), capacityPart(kept))).toContain(hundred);
});
