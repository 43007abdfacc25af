/** HTTP says hello to wrk. */
import { get } from 'node:http';
import type { Launch } from '../contestants.js';
import { Refusal } from '../load-generator.js';
import { ProcessorWatch } from '../noise.js';
import { cpuTimeBetween, readCpuTime } from '../process-figures.js';
import { type Ended, runToEnd } from '../programs.js';
import { type Bench, type Sample, type Scenario, withServer } from '../scenario.js';
import type { ServerProcess } from '../server-process.js';
import { quantity } from '../statistics.js';
import { cpuFigure, cpuSample, DETAILS, rateFigure } from '../traffic.js';

const CONNECTIONS = 64;
const BODY = 'Hello, World!\n';

/** wrk counts in whole seconds. */
const QUICK_SECONDS = 1;
const MS_PER_S = 1000;

const US_PER: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000 };

interface WrkResult {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** wrk does not look at the bytes. @throws Refusal unless the answer is the one that everybody has to give */
async function checkAnswer(server: ServerProcess): Promise<void> {
  const { status, body } = await new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    const request = get({ port: server.port, host: '127.0.0.1', path: '/', agent: false }, (response) => {
      let text = '';
      response.setEncoding('latin1').on('data', (chunk: string) => {
        text += chunk;
      });
      response.once('end', () => resolve({ status: response.statusCode, body: text }));
      response.once('error', reject);
    });
    request.once('error', reject);
  });
  if (status !== 200 || body !== BODY) throw new Refusal(`GET / was answered by ${status} ${JSON.stringify(body)}`);
}

/** @throws Refusal when wrk fails, or when it saw an error of any kind */
function readReport({ status, output }: Ended): WrkResult {
  const fault = /^\s*(Socket errors|Non-2xx).*$/m.exec(output)?.[0];
  if (status !== 0 || fault !== undefined) throw new Refusal(`wrk: ${fault?.trim() ?? `exit code ${status}: ${output.slice(-300)}`}`);
  const latency = (share: string): number => {
    const [, value = '0', unit = 'us'] = new RegExp(`^\\s+${share}%\\s+([\\d.]+)(\\w+)`, 'm').exec(output) ?? [];
    return Number(value) * (US_PER[unit] ?? 1);
  };
  const count = (pattern: RegExp): number => Number(pattern.exec(output)?.[1] ?? 0);
  return {
    requests: count(/^\s*(\d+) requests in/m),
    perSecond: count(/^Requests\/sec:\s+([\d.]+)/m),
    p50Us: latency('50'),
    p99Us: latency('99'),
  };
}

function runWrk(server: ServerProcess, bench: Bench, seconds: number): Promise<Ended> {
  const args = ['-t', '1', '-c', CONNECTIONS, '-d', seconds, '--latency', `http://127.0.0.1:${server.port}/`];
  return runToEnd('wrk', args.map(String), bench.cores.load);
}

async function measureHello(bench: Bench, launch: Launch): Promise<Sample> {
  const { quick, windowMs } = bench.options;
  const seconds = Math.max(QUICK_SECONDS, Math.round(windowMs / MS_PER_S));
  return withServer(bench, launch, async (server) => {
    await checkAnswer(server);
    if (!quick) readReport(await runWrk(server, bench, QUICK_SECONDS));
    const watch = new ProcessorWatch([bench.cores.server]);
    const before = readCpuTime(server.pid);
    const result = readReport(await runWrk(server, bench, seconds));
    const cpu = cpuTimeBetween(before, readCpuTime(server.pid));
    if (result.requests === 0) throw new Refusal('no request was answered');
    await checkAnswer(server);
    return {
      rate: quantity(result.perSecond),
      ...cpuSample(cpu, result.requests),
      p50: quantity(result.p50Us),
      p99: quantity(result.p99Us),
      foreign: watch.foreignPercent(cpu.totalNs),
    };
  });
}

export function httpScenario(): Scenario {
  return {
    name: 'http',
    title: `HTTP hello: wrk -t 1 -c ${CONNECTIONS}, keep-alive`,
    parameters: { connections: CONNECTIONS, inFlight: 1 },
    protocol: 'http',
    figures: [rateFigure('requests'), cpuFigure('request'), ...DETAILS],
    better: 'higher',
    contestants: ['netmux-native', 'netmux-native-again', 'netmux-node', 'net', 'net-newest', 'bun', 'bun-again', 'deno', 'go'],
    references: [
      { contestant: 'net', title: 'node:http' },
      { contestant: 'bun', title: 'Bun.serve' },
    ],
    pair: ['netmux-native', 'netmux-native-again'],
    needs: ['wrk'],
    measure: (bench, launch) => measureHello(bench, launch),
  };
}
