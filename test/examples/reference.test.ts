/** What the documents say of options, methods, codes and each other, compared with the sources. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { planConnection } from '../../src/mux/connect-options.js';
import { Handle, Listener } from '../../src/mux/handle.js';
import { InputBuffer } from '../../src/mux/input-buffer.js';
import { planListening } from '../../src/mux/listen-options.js';
import { Mux } from '../../src/mux/mux.js';
import { MUX_OPTIONS, type MuxOptionRow } from '../../src/mux/options.js';
import { MultiplexClient } from '../../src/server/client.js';
import { ConfiguredServer } from '../../src/server/configured-server.js';
import { ServerHooks } from '../../src/server/hooks.js';
import { MultiplexServer } from '../../src/server/multiplex-server.js';
import { codeBlocks, DOCUMENTS, folderWithNetmux, readDocument } from './documents.js';
import { ROOT, run } from './programs.js';

const API = readDocument('docs/api.md');

const KIB = 1024;
const MIB = 1024 * KIB;

/** The lines under a heading, up to the next one. */
function section(heading: string): string {
  const [, rest] = API.split(`\n## ${heading}\n`);
  if (rest === undefined) throw new Error(`docs/api.md: no heading ${heading}`);
  return rest.split('\n## ')[0]!;
}

/** The cells of a table's rows, whose first cell is code. */
function rows(heading: string): string[][] {
  return [...section(heading).matchAll(/^\| (`.+) \|$/gm)].map(([, row]) => row!.split(' | '));
}

/** The default of an option as a reader wants to see it. */
function printed({ default: value, unit }: MuxOptionRow): string {
  if (typeof value === 'function') return 'a line on stderr';
  if (unit === 'bytes' && value !== 0) {
    const bytes = value as number;
    return bytes >= MIB ? `${bytes / MIB} MiB` : `${bytes / KIB} KiB`;
  }
  if (unit !== undefined) return `${value}`;
  if (Array.isArray(value)) return 'none';
  return typeof value === 'string' ? `\`'${value}'\`` : `\`${value}\``;
}

/** The names that an error lists when an unknown one is given. */
function known(refused: () => unknown): string[] {
  try {
    refused();
  } catch (error) {
    return (error as Error).message.split('known here: ')[1]!.split(', ');
  }
  throw new Error('an unknown option was accepted');
}

/** Public methods and getters of a class: those that its source does not mark as internal or protected. */
function members(type: { readonly prototype: object }, source: string): string[] {
  const code = readFileSync(join(ROOT, source), 'utf8');
  const internal = [...code.matchAll(/(?:\/\*\* @internal[^*]*\*\/|^ {2}protected)\s+(?:get )?(\w+)/gm)].map(([, name]) => name);
  return Object.getOwnPropertyNames(type.prototype).filter((name) => name !== 'constructor' && !internal.includes(name));
}

describe('docs/api.md', () => {
  it('has every option of new Mux, and no other, with its default', () => {
    const expected = Object.entries(MUX_OPTIONS).map(([name, row]) => [`\`${name}\``, printed(row)]);
    expect(rows('new Mux(options)').map((cells) => cells.slice(0, 2))).toEqual(expected);
  });

  it('has every option of listen, and no other', () => {
    const options = [{ port: 0 }, { path: '/x' }, { fd: 0 }].flatMap((one) =>
      known(() => planListening({ ...one, bogus: 1 } as never, {})),
    );
    const listed = rows('mux.listen(options)').map(([name]) => name);
    expect(listed.sort()).toEqual([...new Set(options)].map((name) => `\`${name}\``).sort());
  });

  it('has every option of connect, and no other', () => {
    const options = [{ port: 1 }, { path: '/x' }].flatMap((one) => known(() => planConnection({ ...one, bogus: 1 } as never, {})));
    const listed = rows('mux.connect(options)').map(([name]) => name);
    expect(listed.sort()).toEqual([...new Set(options)].map((name) => `\`${name}\``).sort());
  });

  it('has the defaults of listen and connect', () => {
    const defaultOf = (heading: string, name: string) => rows(heading).find(([first]) => first === `\`${name}\``)?.[2];
    const listening = planListening({ port: 0 }, {});
    expect(defaultOf('mux.listen(options)', 'backlog')).toBe(`${listening.socket.backlog}`);
    expect(defaultOf('mux.listen(options)', 'host')).toBe(`\`'${(listening as { host: string }).host}'\``);
    const connecting = planConnection({ port: 1 }, {});
    expect(defaultOf('mux.connect(options)', 'timeout')).toBe(`${connecting.timeoutMs / 1000}`);
    expect(defaultOf('mux.connect(options)', 'host')).toBe(`\`'${(connecting as { host: string }).host}'\``);
    expect(defaultOf('mux.connect(options)', 'noDelay')).toBe(`\`${connecting.socket.noDelay}\``);
    expect(defaultOf('mux.connect(options)', 'keepAlive')).toBe('that of the `Mux`');
    expect(planConnection({ port: 1 }, { keepAlive: true }).socket.keepAlive).toBe(true);
  });

  it.each([
    ['Mux', Mux, 'src/mux/mux.ts', '## Mux'],
    ['Handle', Handle, 'src/mux/handle.ts', '## Handle'],
    ['Listener', Listener, 'src/mux/handle.ts', '## mux.listen(options)'],
    ['InputBuffer', InputBuffer, 'src/mux/input-buffer.ts', '## InputBuffer'],
    ['MultiplexClient', MultiplexClient, 'src/server/client.ts', '## MultiplexClient'],
  ])('has every member of %s', (_name, type, source, heading) => {
    const text = section(heading.slice(3));
    const missing = members(type, source).filter((name) => !new RegExp(`[\`.]${name}\\b`).test(text));
    const elsewhere = ['listen', 'connect']; // have headings of their own
    expect(missing.filter((name) => !elsewhere.includes(name))).toEqual([]);
  });
});

it('docs/api.md and docs/hooks.md have every member of a server', () => {
  const text = `${section('MultiplexServer')}${readDocument('docs/hooks.md')}`;
  const names = [
    ...members(MultiplexServer, 'src/server/multiplex-server.ts'),
    ...members(ConfiguredServer, 'src/server/configured-server.ts'),
    ...members(ServerHooks, 'src/server/hooks.ts'),
  ];
  expect(names.length).toBeGreaterThan(40);
  expect(names.filter((name) => !new RegExp(`[\`.]${name}\\b`).test(text))).toEqual([]);
});

it('docs/errors.md has every code, in order', () => {
  const codes = [...readFileSync(join(ROOT, 'src/errors.ts'), 'utf8').matchAll(/^ {2}\| '(NETMUX_\w+)'/gm)].map(([, code]) => code);
  const listed = [...readDocument('docs/errors.md').matchAll(/^\| `(NETMUX_\w+)` \|/gm)].map(([, code]) => code);
  expect(listed).toEqual(codes);
});

/** As GitHub makes it of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

it.each(DOCUMENTS)('the links of %s lead somewhere', (path) => {
  for (const [, target = ''] of readDocument(path).matchAll(/\]\(([^)]+)\)/g)) {
    if (target.startsWith('https:')) continue;
    const [file, anchor] = target.split('#') as [string, string?];
    const linked = file === '' ? path : join(dirname(path), file);
    expect(existsSync(join(ROOT, linked)), `${path}: ${target}`).toBe(true);
    if (anchor === undefined) continue;
    const anchors = [...readDocument(linked).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading!));
    expect(anchors, `${path}: ${target}`).toContain(anchor);
  }
});

// A compiler takes its time where others compute as well.
const COMPILE_TIMEOUT_MS = 120_000;

it('the TypeScript in the documents passes the strict checks of a user, who has @types/node', { timeout: COMPILE_TIMEOUT_MS }, async () => {
  const folder = folderWithNetmux();
  const files = DOCUMENTS.flatMap((path) => codeBlocks(readDocument(path), 'ts')).map((code, index) => {
    const file = join(folder, `block-${index}.mts`);
    writeFileSync(file, code);
    return file;
  });
  expect(files.length).toBeGreaterThan(0);
  const types = ['--types', 'node', '--typeRoots', join(ROOT, 'node_modules/@types')];
  const options = ['--ignoreConfig', '--noEmit', '--strict', '--target', 'es2023', '--module', 'nodenext', ...types];
  const { code, stdout } = await run(process.execPath, ['node_modules/typescript/bin/tsc', ...options, ...files]);
  expect(stdout).toBe('');
  expect(code).toBe(0);
});

it('docs/README.md leads to every page', () => {
  const index = readDocument('docs/README.md');
  const pages = DOCUMENTS.filter((path) => path.startsWith('docs/') && path !== 'docs/README.md');
  expect(pages.filter((path) => !index.includes(`](${path.slice('docs/'.length)})`))).toEqual([]);
});

it('docs/hooks.md says of every hook that it is one, and of no step', () => {
  const listed = (kind: string) =>
    [...readDocument('docs/hooks.md').matchAll(/^\| (`.+?`) \| (hook|step) \|/gm)]
      .filter(([, , is]) => is === kind)
      .flatMap(([, methods]) => [...methods!.matchAll(/`(\w+)\(/g)].map(([, name]) => name!));
  const hooks = [...Object.getOwnPropertyNames(ServerHooks.prototype).filter((name) => name !== 'constructor'), 'run_dequeue'];
  expect([...new Set(listed('hook'))].sort()).toEqual(hooks.sort());
  expect(listed('step').filter((name) => hooks.includes(name) || !(name in MultiplexServer.prototype))).toEqual([]);
});
