/** `npm run bench:million`: very many connections to one process, in a virtual machine where this one allows too few. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { readMachine } from '../machine.js';
import { UsageError } from '../options.js';
import { readDescriptorLimit } from '../process-figures.js';
import { buildBinaries, ROOT } from '../toolchain.js';
import { packGuest, STATUS_MARK } from './guest.js';
import { type Options, parseOptions, USAGE } from './options.js';
import { findParts, Missing } from './packages.js';
import { type Measurement, MILLION_FORMAT, type MillionResult, RESERVED_DESCRIPTORS, RESULT_MARK, resultLines } from './result.js';
import { runVirtualMachine } from './virtual-machine.js';

const MESSAGE_BYTES = 64;
const GUEST_PROCESSORS = 2;

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
/** Plus the signal's number, as shells do. */
const EXIT_SIGNAL = 128;

/** What is said, on the terminal and in the log, with the time since the start. */
class Log {
  readonly #begin = performance.now();
  readonly #lines: string[] = [];

  add(line: string): void {
    const seconds = ((performance.now() - this.#begin) / 1000).toFixed(1).padStart(7);
    this.addPlain(`${seconds} s  ${line}`);
  }

  addPlain(line: string): void {
    console.log(line);
    this.#lines.push(line);
  }

  get text(): string {
    return `${this.#lines.join('\n')}\n`;
  }
}

/** Collects the result among the lines of the measurement; hands on the others. */
class Listener {
  result: Measurement | undefined;

  constructor(private readonly log: Log) {}

  /** @returns whether that was all */
  hear(line: string): boolean {
    if (line.startsWith(RESULT_MARK)) this.result = JSON.parse(line.slice(RESULT_MARK.length)) as Measurement;
    else if (line !== '' && line !== `${STATUS_MARK}0`) this.log.add(line);
    return this.result !== undefined;
  }
}

function availableMiB(): number {
  const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1];
  return Math.floor(Number(kibibytes ?? 0) / 1024);
}

async function measureInGuest(options: Options, loadGenerator: string, log: Log, listener: Listener): Promise<string> {
  const { connections, memoryMiB } = options;
  if (process.arch !== 'x64')
    throw new Missing(`the guest is an x86-64 machine and would run this machine's node, which is for ${process.arch}`);
  const { emulator, kernel, busybox } = findParts(options.install);
  if (availableMiB() < memoryMiB) {
    throw new Missing(
      `the guest wants ${memoryMiB} MiB and ${availableMiB()} MiB are available: --connections=N for fewer, or --memory=GIB`,
    );
  }
  const folder = mkdtempSync(join(tmpdir(), 'netmux-million-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const initramfs = join(folder, 'initramfs');
  writeFileSync(initramfs, packGuest(busybox, loadGenerator, connections, MESSAGE_BYTES));
  const machine = { emulator, kernel, initramfs, memoryMiB, processors: GUEST_PROCESSORS };
  log.add(`starting a virtual machine: ${memoryMiB} MiB, ${GUEST_PROCESSORS} processors, emulated`);
  await runVirtualMachine(machine, (line) => listener.hear(line));
  return 'qemu, software emulation';
}

async function measureHere(options: Options, listener: Listener): Promise<undefined> {
  const args = [join(ROOT, 'out/bench/million/measure.js'), String(options.connections), String(MESSAGE_BYTES)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  process.once('exit', () => child.kill());
  createInterface({ input: child.stdout }).on('line', (line) => listener.hear(line));
  await once(child, 'close');
}

function lastChange(): string | undefined {
  const { status, stdout } = spawnSync('git', ['log', '-1', '--format=%h', '--', 'src', 'native'], { cwd: ROOT, encoding: 'utf8' });
  return status === 0 && stdout !== '' ? stdout.trim() : undefined;
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') {
    console.log(USAGE);
    return 0;
  }
  const binaries = buildBinaries();
  if (typeof binaries === 'string') throw new Missing(binaries);
  const { connections } = options;
  const log = new Log();
  const listener = new Listener(log);
  const date = new Date().toISOString();
  // Now, and not behind the measurement: the files may be others then.
  const machine = readMachine();
  const sources = lastChange();
  log.addPlain(`${connections.toLocaleString('en-US')} connections, ${date}`);
  const allowed = readDescriptorLimit() - RESERVED_DESCRIPTORS;
  if (connections > allowed) log.add(`this machine allows ${allowed + RESERVED_DESCRIPTORS} descriptors in a process`);
  const emulator =
    options.virtual || connections > allowed
      ? await measureInGuest(options, binaries.load, log, listener)
      : await measureHere(options, listener);
  if (listener.result === undefined) throw new Error('the measurement ended without a result');
  const result: MillionResult = {
    format: MILLION_FORMAT,
    date,
    machine,
    ...(sources === undefined ? {} : { sources }),
    ...(emulator === undefined ? {} : { emulator }),
    ...listener.result,
  };
  for (const line of resultLines(result)) log.addPlain(line);
  mkdirSync(options.out, { recursive: true });
  writeFileSync(join(options.out, `million-${connections}.json`), `${JSON.stringify(result, undefined, 2)}\n`);
  writeFileSync(join(options.out, `million-${connections}.log`), log.text);
  return result.connections === connections && result.answered === connections && result.faults.length === 0 ? 0 : EXIT_FAILED;
}

// So that 'exit' is emitted, which ends the virtual machine.
process.once('SIGINT', () => process.exit(EXIT_SIGNAL + constants.signals.SIGINT));
process.once('SIGTERM', () => process.exit(EXIT_SIGNAL + constants.signals.SIGTERM));

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`${error.message}\n${USAGE}`);
    process.exitCode = EXIT_USAGE;
  } else if (error instanceof Missing) {
    console.error(error.message);
    process.exitCode = EXIT_FAILED;
  } else {
    throw error;
  }
}
