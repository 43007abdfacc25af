/**
 * What the examples have in common and what is not about multiplexing: the options of the command line, the ready line,
 * the ending. Each example hands `runExample` a function that makes its Mux and its listener.
 */
import { getSystemErrorMap, parseArgs } from 'node:util';
import type { Listener, MuxOptions } from 'netmux';

/** Every example, with its line of the usage text. */
export const EXAMPLES = {
  echo: 'sends back what it receives',
  chat: 'a chat room for nc, and a daemon: npm start -- --help lists its options',
  resp: 'a small store that speaks the Redis protocol: PING, ECHO, SET, GET, DEL, INCR',
  'http-hello': 'HTTP/1.1: says hello, with keep-alive and pipelining',
  'udp-echo': 'UDP: sends each datagram back to its sender',
} as const;

/** The port that Net::Server takes when nobody names one. */
const DEFAULT_PORT = 20203;

/** Seconds that slow readers get for the rest of their output after a signal: the whole ending has to fit into one second. */
const DRAIN_SECONDS = 0.3;

/** Milliseconds for connections that wait for the FIN of a peer when the loop has ended. */
const LINGER_MS = 300;

/** Exit statuses, as shells and most tools have them. */
const FAILED = 1;
const MISUSED = 2;

export interface CommandLine {
  /** Where to listen; port 0 lets the kernel choose. */
  readonly address: { readonly host: string; readonly port: number };
  /** For `new Mux(…)`. */
  readonly muxOptions: MuxOptions;
}

export interface Example {
  /** What to type to talk to it; `HOST:PORT`, as in a URL, HOST and PORT are filled in. */
  readonly client: string;
  start(commandLine: CommandLine): Listener;
}

/**
 * Runs an example until SIGTERM or SIGINT. The process then ends with status 0; with 1 and the reason on stderr when it has
 * no engine or cannot listen, with 2 when it does not understand its command line.
 */
export async function runExample(example: Example): Promise<void> {
  const commandLine = readCommandLine();
  const { host, port } = commandLine.address;

  let listener: Listener;
  try {
    listener = example.start(commandLine);
  } catch (error) {
    fail(FAILED, reason(error)); // no such engine: nothing was tried yet
  }
  try {
    await listener.ready;
  } catch (error) {
    fail(FAILED, `cannot listen on ${hostAndPort(host, port)}: ${reason(error)}`);
  }
  const { mux, localPort = port } = listener;

  process.on('SIGTERM', () => mux.endLoop());
  process.on('SIGINT', () => mux.endLoop());

  console.log(`listening on ${hostAndPort(host, localPort)} (engine: ${mux.engine})`);
  console.log(`talk to it with: ${clientCommand(example.client, reachable(host), localPort)}`);
  await mux.loop();
  setTimeout(() => process.exit(), LINGER_MS).unref();
}

/** Runs an example that is a server, which has options, signals and messages of its own. */
export async function runServer(server: { run(options: object): Promise<void>; readonly logsToStderr: boolean }, argv: readonly string[]) {
  try {
    await server.run({ argv, handle_signals: true });
  } catch (error) {
    if (!server.logsToStderr) console.error((error as Error).message);
    process.exitCode = FAILED;
  }
}

/** Ends the process with what is wrong and how an example is run. */
export function usage(complaint: string): never {
  fail(MISUSED, complaint, ...usageLines());
}

/** Ends the process with how an example is run, which is what was asked for. */
export function help(): never {
  console.log(usageLines().join('\n'));
  process.exit();
}

function usageLines(): string[] {
  const width = Math.max(...Object.keys(EXAMPLES).map((name) => name.length));
  return [
    'usage: npm run example -- NAME [--port=N] [--host=HOST] [--engine=native|node]',
    ...Object.entries(EXAMPLES).map(([name, about]) => `  ${name.padEnd(width)}  ${about}`),
    `Default: --host=127.0.0.1 --port=${DEFAULT_PORT}. With --port=0 the kernel chooses one.`,
    'Without the -- in front of NAME npm takes the options for its own, and the example gets none of them.',
  ];
}

function readCommandLine(): CommandLine {
  const values = parseOptions();

  const port = numberIn(values.port ?? `${DEFAULT_PORT}`);
  if (!Number.isInteger(port) || port > 65_535) usage(`--port=${values.port}: has to be a whole number from 0 to 65535`);

  // In brackets as in a URL, or without.
  const host = values.host?.replace(/^\[(.*)\]$/, '$1') ?? '127.0.0.1';
  if (host === '') usage(`--host='${values.host}': has to be a name or an address`);

  const { engine } = values;
  if (engine !== undefined && engine !== 'native' && engine !== 'node') usage(`--engine=${engine}: neither native nor node`);

  return { address: { host, port }, muxOptions: { drainTimeout: DRAIN_SECONDS, ...(engine && { engine }) } };
}

function parseOptions(): { readonly port?: string; readonly host?: string; readonly engine?: string } {
  const text = { type: 'string' } as const;
  try {
    const { help: asksForHelp, ...values } = parseArgs({
      options: { port: text, host: text, engine: text, help: { type: 'boolean' } },
    }).values;
    if (asksForHelp) help();
    return values;
  } catch (error) {
    return usage((error as Error).message.split('. ')[0] ?? '');
  }
}

/** A number as people write it, without a sign; NaN for anything else. */
function numberIn(text: string): number {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
}

function hostAndPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function clientCommand(client: string, host: string, port: number): string {
  return client.replace('HOST:PORT', hostAndPort(host, port)).replace('HOST', host).replace('PORT', `${port}`);
}

/** An address that a client of this machine can connect to. */
function reachable(host: string): string {
  return host === '*' || host === '0.0.0.0' || host === '::' ? 'localhost' : host;
}

function reason(error: unknown): string {
  const { errno, code, message } = error as NodeJS.ErrnoException;
  const known = errno === undefined ? undefined : getSystemErrorMap().get(errno);
  return known === undefined ? message : `${known[1]} (${code})`;
}

function fail(status: number, ...lines: string[]): never {
  console.error(lines.join('\n'));
  process.exit(status);
}
