// The lines of docs/architecture.md, "The rooms": who may depend on whom, and what may appear in one place only.
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { filesIn, includesOf, read } from './sources.js';

/** Room → the rooms it may import from, besides itself and `errors`. `index` is the public surface, which only passes on. */
const NEIGHBOURS: Record<string, readonly string[]> = {
  errors: [],
  native: [],
  engine: ['native'],
  mux: ['engine'],
  framing: ['mux'],
  server: ['mux'],
  cli: ['server'],
  index: ['server', 'mux', 'engine'],
  testing: ['mux', 'engine', 'native'],
};

const MAX_LINES = 500;

/** Names of `node:net` that only take text apart. */
const TEXT_ONLY = ['isIP', 'isIPv4', 'isIPv6', 'SocketAddress'];

const sources = filesIn('src', '.ts');
const native = filesIn('native', '.cc', '.h');

/** `src/mux/mux.ts` is in `mux`, `src/errors.ts` in `errors`. */
function roomOf(file: string): string {
  return file
    .replace(/^src\//, '')
    .replace(/\.ts$/, '')
    .split('/')[0]!;
}

function importsOf(file: string): string[] {
  return ts.preProcessFile(read(file), true, true).importedFiles.map((imported) => imported.fileName);
}

/** The code of a file without its comments. */
function tokensOf(file: string): string[] {
  const tokens: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) || ts.isPrivateIdentifier(node) || ts.isStringLiteralLike(node) || ts.isTemplateLiteralToken(node)) {
      tokens.push(node.text);
    }
    node.forEachChild(visit);
  };
  visit(ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest));
  return tokens;
}

/** Whether all that a file takes from `node:net` are names that open nothing, imported one by one. */
function parsesTextOnly(file: string): boolean {
  const clauses = [...read(file).matchAll(/^import\s+([^;]*?)\s+from\s+'node:net'/gm)].map((match) => match[1]!);
  const names = clauses.flatMap((clause) =>
    clause
      .replace(/^type\s/, '')
      .replace(/[{}\s]/g, '')
      .split(','),
  );
  return names.length > 0 && names.filter(Boolean).every((name) => TEXT_ONLY.includes(name));
}

describe('the rooms of src', () => {
  it('holds nothing but the known rooms', () => {
    expect(sources.map(roomOf).filter((room) => !(room in NEIGHBOURS))).toEqual([]);
  });

  it('imports from its neighbours only', () => {
    const forbidden = sources.flatMap((file) => {
      const allowed = [roomOf(file), 'errors', ...(NEIGHBOURS[roomOf(file)] ?? [])];
      return importsOf(file)
        .filter((name) => name.startsWith('.'))
        .filter((name) => !allowed.includes(roomOf(join(dirname(file), name).replace(/\.js$/, '.ts'))))
        .map((name) => `${file} imports ${name}`);
    });
    expect(forbidden).toEqual([]);
  });

  it('imports nothing that has to be installed', () => {
    const installed = sources.flatMap((file) =>
      importsOf(file)
        .filter((name) => !name.startsWith('.') && !name.startsWith('node:'))
        .map((name) => `${file} imports ${name}`),
    );
    expect(installed).toEqual([]);
  });

  it('opens sockets of Node in the node engine only; elsewhere node:net only parses text', () => {
    const offenders = sources
      .filter((file) => !/^src\/engine\/node-[^/]+\.ts$/.test(file))
      .filter((file) => {
        const imports = importsOf(file);
        return imports.includes('node:dgram') || (imports.includes('node:net') && !parsesTextOnly(file));
      });
    expect(offenders).toEqual([]);
  });

  it('knows the engines over sockets neither in the reactor that is written in TypeScript nor in netmux/testing', () => {
    const offenders = sources
      .filter((file) => file.startsWith('src/engine/reactor/') || roomOf(file) === 'testing')
      .filter((file) => importsOf(file).some((name) => /\/(node|native)-[^/]+$/.test(name)));
    expect(offenders).toEqual([]);
  });

  it('names the binary in load.ts only', () => {
    expect(sources.filter((file) => tokensOf(file).some((token) => /\w\.node$/.test(token)))).toEqual(['src/native/load.ts']);
  });

  it('loads code at run time in load.ts only', () => {
    const loaders = sources.filter((file) => tokensOf(file).some((token) => token === 'createRequire' || token === 'dlopen'));
    expect(loaders).toEqual(['src/native/load.ts']);
  });

  it('speaks of mux_ callbacks in mux and server only', () => {
    const speaking = sources.filter((file) => tokensOf(file).some((token) => /\bmux_[a-z]/.test(token)));
    expect(speaking.filter((file) => !['mux', 'server'].includes(roomOf(file)))).toEqual([]);
  });
});

describe('the reactor in native/', () => {
  const including = (...headers: string[]) => native.filter((file) => includesOf(file).some((header) => headers.includes(header)));

  it('uses node-addon-api in addon.cc and at most one wrapper', () => {
    const users = including('napi.h');
    expect(users.length).toBeLessThanOrEqual(2);
    expect(users.length === 0 || users.includes('native/addon.cc')).toBe(true);
  });

  it('knows Node and libuv in addon.cc, its wrapper and what hangs the poller into the loop only', () => {
    const users = including('node_api.h', 'js_native_api.h', 'node.h', 'v8.h', 'uv.h');
    const permitted = [...including('napi.h'), 'native/addon.cc'];
    expect(users.filter((file) => !permitted.includes(file) && !/\/(loop_hook|poller_watch)[^/]*$/.test(file))).toEqual([]);
  });

  it.each(['sys/epoll.h', 'sys/event.h'])('includes <%s> in one file', (header) => {
    expect(including(header)).toHaveLength(1);
  });

  it('stays free of headers that cost size and bind to a young C++ library', () => {
    expect(including('iostream', 'fstream', 'sstream', 'filesystem', 'regex', 'locale', 'iomanip')).toEqual([]);
  });
});

describe('size', () => {
  const all = [
    ...sources,
    ...native,
    ...filesIn('examples', '.ts'),
    ...filesIn('bench', '.ts', '.cc', '.h', '.c'),
    ...filesIn('scripts', '.mjs'),
    ...filesIn('test', '.ts', '.cc', '.h'),
  ];

  it(`no source file has more than ${MAX_LINES} lines`, () => {
    const lines = (file: string) => read(file).trimEnd().split('\n').length;
    expect(all.filter((file) => lines(file) > MAX_LINES).map((file) => `${file}: ${lines(file)}`)).toEqual([]);
  });
});
