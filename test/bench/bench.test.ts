/** `npm run bench -- --quick` in one piece: everything is measured, every byte was right, the figures are there. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { PROFILED } from '../../bench/profile/profile.js';
import type { Results } from '../../bench/results.js';
import { summarize } from '../../bench/summary.js';
import { buildBinaries, findOnPath, ROOT } from '../../bench/toolchain.js';
import { applicableTargets } from '../../bench/verdicts.js';

const folder = mkdtempSync(join(tmpdir(), 'netmux-bench-'));
const running = new Set<ChildProcess>();
afterAll(() => {
  for (const child of running) child.kill();
  rmSync(folder, { recursive: true, force: true });
});

/** The quick form promises less than a minute; a machine that also runs other tests gets more. */
const QUICK_TIMEOUT_MS = 600_000;

async function bench(...args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [join(ROOT, 'out/bench/run.js'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  const [status] = (await once(child, 'close')) as [number | null];
  running.delete(child);
  return { status, ...output };
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}

const SCENARIOS = [
  ...['ping-pong-1', 'ping-pong-64', 'ping-pong-1000', 'ping-pong-10000', 'lines-1', 'lines-16', 'lines-64'],
  ...['stream', 'churn', 'open-loop', 'broadcast', 'resp-16', 'resp-64', 'http'],
  ...['idle', 'timers', 'wake-ups', 'lateness', 'import', 'million-timers'],
];

/** What needs nothing that may be missing here. */
const CERTAIN = ['netmux-node', 'net', 'net-tuned', 'epoll', 'epoll-batch', 'import', 'wheel', 'node-timers'];

const built = buildBinaries();

describe.skipIf(typeof built === 'string')('the quick form of the bench', () => {
  test(
    'measures everybody who is on this machine, and nobody did wrong',
    async () => {
      const file = join(folder, 'quick.json');
      const { status, stdout, stderr } = await bench('--quick', `--json=${file}`);
      expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });

      const results = JSON.parse(readFileSync(file, 'utf8')) as Results;
      expect(readFileSync(join(folder, 'quick.html'), 'utf8')).toContain('<h1>netmux bench</h1>');
      expect(results.scenarios.map(({ name }) => name)).toEqual(SCENARIOS);
      expect(results.engines.node).toBe('works');
      if (process.env.NETMUX_REQUIRE_NATIVE === '1') expect(results.engines.native).toBe('works');

      const missing = results.contestants.filter((contestant) => contestant.missing !== undefined).map(({ id }) => id);
      for (const id of CERTAIN) expect(missing).not.toContain(id);
      for (const scenario of results.scenarios.filter(({ skipped }) => skipped === undefined)) {
        const { rows } = summarize(results, scenario);
        for (const row of rows) {
          const what = `${scenario.name}, ${row.title}: ${row.reason ?? ''}`;
          expect(row.state, what).toBe(missing.includes(row.contestant) ? 'missing' : 'measured');
          if (row.state === 'measured') expect(row.figures[scenario.figures[0]!.key]?.values, what).toHaveLength(1);
          expect(stdout).toContain(row.title);
        }
      }
    },
    QUICK_TIMEOUT_MS,
  );

  test(
    'the targets end with a line for each, which the quick form does not decide',
    async () => {
      const { status, stdout } = await bench('--targets', '--quick', '--only=ping-pong-64,million');
      expect(status, stdout).toBe(0);
      const lines = stdout.split('\n');
      const verdicts = lines.filter((line) => /^\d+ · /.test(line));
      // One more: that of the runs with very many connections.
      expect(verdicts).toHaveLength(applicableTargets(process.version).length + 1);
      expect(verdicts.find((line) => line.includes('≤ 1.15 × C epoll'))).toMatch(/not decidable .* fewer than 3 rounds/);
      expect(verdicts.find((line) => line.startsWith('14 · '))).toMatch(/not measured +not in this run/);
    },
    QUICK_TIMEOUT_MS,
  );

  test('an unknown scenario is refused with the names that there are', async () => {
    const { status, stderr } = await bench('--only=nonsense');
    expect(status).toBe(2);
    for (const name of SCENARIOS) expect(stderr).toContain(name);
  });
});

/** What a profile wants, beside V8: each is a package of Debian's. */
const TOOLS = ['strace', 'valgrind', 'perf'];
const absent = TOOLS.filter((tool) => findOnPath(tool) === undefined);
const withTools = absent.length === 0 ? `with ${TOOLS.join(', ')}` : `without ${absent.join(', ')}`;

describe.skipIf(typeof built === 'string')('a profile', () => {
  test(
    `says what each tool has counted for a message, and keeps the tools' own files (${withTools})`,
    async () => {
      const { status, stdout, stderr } = await bench('--quick', '--profile=ping-pong-1');
      expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
      const [printed, folder] = stdout.trimEnd().split('\n\nwritten to ');
      expect(readFileSync(join(folder!, 'summary.txt'), 'utf8')).toBe(`${printed}\n`);

      for (const id of PROFILED.filter((id) => id !== 'netmux-native' || process.env.NETMUX_REQUIRE_NATIVE === '1')) {
        if (!absent.includes('strace')) {
          const { messages, calls } = readJson(join(folder!, `${id}.calls.json`)) as { messages: number; calls: Record<string, number> };
          // One call to read a message and one to answer it. The count is begun a little early and ended a little late.
          for (const names of [
            ['recvfrom', 'read'],
            ['sendto', 'write'],
          ]) {
            const each = Math.max(...names.map((name) => calls[name] ?? 0)) / messages;
            expect(each, `${id}: ${names.join(', ')} of ${messages} messages`).toBeGreaterThanOrEqual(1);
            expect(each, `${id}: ${names.join(', ')} of ${messages} messages`).toBeLessThan(1.5);
          }
        }
        if (!absent.includes('valgrind')) expect(existsSync(join(folder!, `${id}.callgrind.out.1`))).toBe(true);
        if (id !== 'epoll') {
          const { nodes } = readJson(join(folder!, `${id}.cpuprofile`)) as { nodes: { callFrame: { functionName: string } }[] };
          expect(nodes.map(({ callFrame }) => callFrame.functionName)).toContain('(program)');
        }
      }
      if (!absent.includes('valgrind')) {
        const [, instructions] = /C epoll · instructions.*\n {2}(\d+) instructions\/message over [1-9]/.exec(printed!)!;
        expect(Number(instructions)).toBeGreaterThan(10);
        expect(Number(instructions)).toBeLessThan(1000);
      }
    },
    QUICK_TIMEOUT_MS,
  );
});

test('an unknown option is refused with the options that there are', async () => {
  const { status, stderr } = await bench('--nonsense');
  expect(status).toBe(2);
  expect(stderr).toContain('--nonsense');
  expect(stderr).toContain('--rounds=N');
});

test('the number of rounds must be one', async () => {
  const { status, stderr } = await bench('--rounds=none');
  expect(status).toBe(2);
  expect(stderr).toContain('--rounds=none: not a positive number');
});
