// Makes dist/, all of the package that is JavaScript, from out/src/: what compiled there file by file becomes one file to load.
//
//     dist/lib/*.cjs          the code, in CommonJS; what several entries have in common is in netmux.cjs, and in server.cjs and
//                             node-engine.cjs what is loaded when it is first used
//     dist/<entry>.cjs, .js   the same module for `require` and for `import`: one copy of the code and of its state for both
//     dist/types/**           the declarations that the entries reach; dist/<entry>.d.ts, .d.cts pass them on
//
// The code is CommonJS because only that can be loaded from both worlds on every supported Node.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { rolldown } from 'rolldown';
import ts from 'typescript';
import { deferRequires } from './deferred-requires.mjs';
import { root } from './toolchain.mjs';

const COMPILED = join(root, 'out/src');
const DIST = join(root, 'dist');

/**
 * Half of the code, in files that are loaded when they are first used: the engine for where there is no addon, and of the server what a
 * server needs when it is made. Its classes are no part of that: programs extend them before anything else.
 */
const DEFERRED = [
  { name: 'node-engine', test: /\/engine\/(node-|reactor\/)/, priority: 1 },
  { name: 'server', test: /\/server\/(?!(multiplex-server|configured-server|hooks|client|fatal|serve|connection-class)\.js)/, priority: 1 },
];

/** Modules of Node's that it has not loaded by itself, and that nothing needs before it is used. Streams alone, behind `net`, take 2 ms. */
const DEFERRED_OF_NODE = new Set(['net', 'dgram', 'worker_threads', 'dns/promises', 'timers/promises', 'child_process', 'module']);

const isDeferred = (module) =>
  DEFERRED_OF_NODE.has(module.replace(/^node:/, '')) || DEFERRED.some(({ name }) => module.endsWith(`/${name}.cjs`));

/** From TypeScript 6 on, a project that does not list `types` sees only what its files and their imports ask for. */
const NODE_TYPES = '/// <reference types="node" />\n';

const HASHBANG = /^#!.*\n/;

/** Writes dist/. What has not changed keeps its time, so that nobody builds anew for it; what is not made any more goes. */
export async function bundle() {
  const entries = publishedEntries();
  const files = new Map([...(await code(entries)), ...declarations(entries)]);
  for (const [name, text] of files) {
    const file = join(DIST, name);
    if (existsSync(file) && readFileSync(file, 'utf8') === text) continue;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    // What package.json names under `bin` can be run from a checkout, too.
    if (HASHBANG.test(text)) chmodSync(file, 0o755);
  }
  for (const name of readdirSync(DIST, { recursive: true })) {
    if (!files.has(name) && statSync(join(DIST, name)).isFile()) rmSync(join(DIST, name));
  }
}

/** What package.json publishes: `dist/testing.js` is made from `src/testing.ts` or from `src/testing/index.ts`. */
function publishedEntries() {
  const { exports, bin = {} } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const modules = [...Object.values(exports).map((entry) => entry.import?.default), ...Object.values(bin)];
  return modules
    .filter((file) => file !== undefined)
    .map((file) => {
      const name = /^(?:\.\/)?dist\/(.+)\.js$/.exec(file)[1];
      const source = [name, `${name}/index`].find((path) => existsSync(join(COMPILED, `${path}.js`)));
      if (source === undefined) throw new Error(`package.json names ${file}, but there is neither src/${name}.ts nor src/${name}/index.ts`);
      return { name, source };
    });
}

/** Files of dist/, name and text: the code, and for each entry its two faces. */
async function code(entries) {
  const build = await rolldown({
    input: Object.fromEntries(entries.map(({ name, source }) => [name, join(COMPILED, `${source}.js`)])),
    platform: 'node',
    external: /^node:/,
    // Files may export more than an entry does: what other files of dist/lib/ need.
    preserveEntrySignatures: 'allow-extension',
    cwd: root,
  });
  const { output } = await build.generate({
    format: 'cjs',
    exports: 'named',
    entryFileNames: 'lib/[name].cjs',
    // One file for all else that entries share: calls between files take a detour, and some of these are made for every byte that comes.
    codeSplitting: { includeDependenciesRecursively: false, groups: [...DEFERRED, { name: 'netmux', minShareCount: 2 }] },
    chunkFileNames: 'lib/[name].cjs',
    // The declarations have them.
    comments: false,
  });
  await build.close();
  return output.flatMap((file) => [
    [file.fileName, deferRequires(file.code.replace(HASHBANG, ''), isDeferred)],
    ...(file.isEntry
      ? faces(
          entries.find(({ name }) => name === file.name),
          file,
        )
      : []),
  ]);
}

function faces({ name, source }, { fileName, exports }) {
  const hashbang = HASHBANG.exec(readFileSync(join(COMPILED, `${source}.js`), 'utf8'))?.[0] ?? '';
  return [
    // Through a variable: else Node would search all of the library for its exports before an `import`, which takes longer than
    // loading it. The names are listed in the module for `import`.
    [`${name}.cjs`, `const library = require('./${relative(dirname(name), fileName)}');\nmodule.exports = library;\n`],
    [`${name}.js`, `${hashbang}${importFace(`./${basename(name)}.cjs`, exports)}`],
  ];
}

function importFace(module, names) {
  if (names.length === 0) return `import '${module}';\n`;
  return `import library from '${module}';\n\nexport const {\n${names.map((name) => `  ${name},\n`).join('')}} = library;\n`;
}

/** Rows of the table of options say what they mean in a property, which a declaration shows nobody: as a doc comment it is shown. */
function documented(declaration) {
  return declaration.replace(/^( +)(readonly \w+: \{\n(?:\1 +.*\n)*?\1 +readonly meaning: "(.*)";\n)/gm, '$1/** $3 */\n$1$2');
}

/** Files of dist/, name and text: the declarations that can be reached from an entry, and what passes them on. */
function* declarations(entries) {
  const reached = new Set(entries.map(({ source }) => `${source}.d.ts`));
  for (const file of reached) {
    const text = readFileSync(join(COMPILED, file), 'utf8');
    yield [`types/${file}`, documented(text)];
    for (const { fileName } of ts.preProcessFile(text).importedFiles) {
      if (fileName.startsWith('.')) reached.add(join(dirname(file), fileName.replace(/\.js$/, '.d.ts')));
    }
  }
  // They describe CommonJS, as the code is; a module for `import` may pass such on, the other way round it may not.
  yield ['types/package.json', `${JSON.stringify({ type: 'commonjs' })}\n`];
  for (const { name, source } of entries) {
    const types = relative(dirname(name), `types/${source}.js`);
    for (const ending of ['.d.ts', '.d.cts']) yield [`${name}${ending}`, `${NODE_TYPES}export * from './${types}';\n`];
  }
}
