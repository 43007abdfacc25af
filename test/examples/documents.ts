/** The programs in the documents, run as a reader would run them: saved to a file, beside an installed netmux. */
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import ts from 'typescript';
import { onTestFinished } from 'vitest';
import type { TestedEngine } from '../engines.js';
import { Program, ROOT } from './programs.js';

/** What the programs listen on, as printed in a program or in its configuration file. */
const PRINTED_PORT = /\bport(:|) +(7\d{3})\b/g;

/** How often a program or a port is asked whether it is there yet, and how many times. */
const ASK_AGAIN_MS = 50;
const PATIENCE = 200;

/** The kernel may give a port that was free a moment ago to somebody else. */
const ATTEMPTS = 5;

/** What is written for readers. */
export const DOCUMENTS: readonly string[] = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md'],
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

export function readDocument(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

export interface CodeBlock {
  readonly language: string;
  /** What the reader is to save it as; '' where it is no file. */
  readonly file: string;
  /** What stands behind the file: arguments of the program. */
  readonly args: readonly string[];
  readonly code: string;
}

/** All code blocks, in order: behind the language a block may say which file it is, or whose output. */
export function blocksOf(text: string): CodeBlock[] {
  return [...text.matchAll(/^```(\w+)(?: (.+))?\n([\s\S]+?)^```$/gm)].map(([, language, info = '', code]) => {
    const [file = '', ...args] = info.split(' ');
    return { language: language!, file, args, code: code! };
  });
}

/** The code blocks of a language, in order. */
export function codeBlocks(text: string, language: string): string[] {
  return blocksOf(text)
    .filter((block) => block.language === language)
    .map(({ code }) => code);
}

/** The one program under a heading of a document. */
export function programUnder(document: string, heading: string): string {
  const [, section = ''] = readDocument(document).split(`\n## ${heading}\n`);
  const [code, ...more] = codeBlocks(section.split('\n## ')[0]!, 'js');
  if (code === undefined || more.length > 0) throw new Error(`${document}: not one program under ${heading}`);
  return code;
}

/** A folder in which `import 'netmux'` finds the package, without a package.json of its own; it goes with the test. */
export function folderWithNetmux(): string {
  const folder = mkdtempSync(join(tmpdir(), 'netmux-documents-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(ROOT, join(folder, 'node_modules/netmux'));
  return folder;
}

export interface Started {
  readonly program: Program;
  /** The port in place of a printed one. */
  port(printed: number): number;
}

/** Files as they are printed, by name. */
export type PrintedFiles = Readonly<Record<string, string>>;

/** The printed ports on which files have a program accept connections. */
export function printedPorts(files: PrintedFiles): number[] {
  const lines = Object.values(files).flatMap((text) => text.split('\n'));
  const ports = lines.filter((line) => !line.includes("'udp'")).flatMap((line) => [...line.matchAll(PRINTED_PORT)]);
  return [...new Set(ports.map(([, , port]) => Number(port)))];
}

/** Runs one program. See `startFiles`. */
export function startPrinted(code: string, engine: TestedEngine, serves: readonly number[]): Promise<Started> {
  return startFiles({ 'program.mjs': code }, ['program.mjs'], engine, serves);
}

/**
 * Runs a program with free ports in place of the printed ones, until it accepts connections.
 * @param files as printed, but for what a test has to make shorter
 * @param command the file to run, and its arguments
 * @param serves the printed ports that it listens on; none for datagrams
 */
export async function startFiles(
  files: PrintedFiles,
  [file, ...args]: readonly string[],
  engine: TestedEngine,
  serves: readonly number[],
): Promise<Started> {
  const folder = folderWithNetmux();
  for (let attempt = 1; ; attempt += 1) {
    const ports = new Map<number, number>();
    for (const text of Object.values(files)) {
      for (const [, , printed] of text.matchAll(PRINTED_PORT)) ports.set(Number(printed), await freePort());
    }
    for (const [name, text] of Object.entries(files)) {
      const code = text.replace(PRINTED_PORT, (_whole, colon, printed) => `port${colon} ${ports.get(Number(printed))}`);
      writeFileSync(join(folder, name), code);
      if (name.endsWith('.ts')) writeFileSync(join(folder, compiledName(name)), compiled(code));
    }
    const env = { ...process.env, NETMUX_ENGINE: engine };
    const program = new Program(process.execPath, [compiledName(file!), ...args], { cwd: folder, env });
    const port = (printed: number) => ports.get(printed)!;
    let failure: string | undefined;
    void program.ended.then(({ stderr }) => {
      failure = stderr;
    });
    for (const printed of serves) {
      (await connected(port(printed), () => failure !== undefined))?.destroy();
    }
    if (failure === undefined) return { program, port };
    if (attempt === ATTEMPTS || !failure.includes('EADDRINUSE')) throw new Error(`the program ended:\n${failure}`);
  }
}

/** What a TypeScript file is run as. Its types are checked elsewhere. */
function compiledName(file: string): string {
  return file.replace(/\.ts$/, '.mjs');
}

function compiled(code: string): string {
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
  return ts.transpileModule(code, { compilerOptions }).outputText;
}

/** A connection that has heard everything when it is closed. */
export class Conversation {
  readonly socket: Socket;
  /** Resolves when the connection is closed, with all that was heard. */
  readonly ended: Promise<string>;
  #heard = '';
  /** How much of it `line` has returned. */
  #told = 0;
  #wake: () => void = () => {};

  constructor(port: number) {
    this.socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true }).setEncoding('utf8');
    onTestFinished(() => void this.socket.destroy());
    this.socket.on('error', () => {}); // a reset is an end
    this.socket.on('data', (text: string) => {
      this.#heard += text;
      this.#wake();
    });
    this.socket.on('end', () => this.socket.end());
    this.ended = new Promise((resolve) => this.socket.on('close', () => resolve(this.#heard)));
  }

  /** The next line that was heard, and no call has returned yet, without its end. */
  async line(): Promise<string> {
    while (!this.#heard.includes('\n', this.#told)) await this.#more();
    const from = this.#told;
    const end = this.#heard.indexOf('\n', from);
    this.#told = end + 1;
    return this.#heard.slice(from, end);
  }

  /** Waits until this was heard. */
  async hears(text: string): Promise<void> {
    while (!this.#heard.includes(text)) await this.#more();
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** A port that was free a moment ago, for TCP. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Tries until somebody accepts, or there is no hope. */
async function connected(port: number, isHopeless: () => boolean): Promise<Socket | undefined> {
  for (let attempt = 0; attempt < PATIENCE && !isHopeless(); attempt += 1) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return socket;
    } catch {
      await wait(ASK_AGAIN_MS);
    }
  }
  if (isHopeless()) return undefined;
  throw new Error(`nobody listens on port ${port}`);
}
