// What `import 'netmux'` loads, in processes of their own: everybody waits for it, so what not everybody needs is left for later.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const dist = fileURLToPath(new URL('../../dist', import.meta.url));
const face = JSON.stringify(pathToFileURL(join(dist, 'index.js')).href);

/** Runs the program's body, in which `loadedOfNode()` and `loadedOfOurs()` list what was loaded since its beginning; what it returns. */
async function play<T>(body: string): Promise<T> {
  const program = `
    import { createRequire } from 'node:module';
    const { cache } = createRequire(import.meta.url);
    const before = new Set(process.moduleLoadList);
    const loadedOfNode = () => process.moduleLoadList.filter((name) => !before.has(name)).map((name) => name.replace('NativeModule ', ''));
    const loadedOfOurs = () => Object.keys(cache).filter((file) => file.startsWith(${JSON.stringify(dist)})).map((file) => file.slice(${dist.length + 1}));
    console.log(JSON.stringify(await (async () => { ${body} })()));`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program], { timeout: 15_000 });
  return JSON.parse(stdout);
}

describe('the import of the package', () => {
  it('loads one file of code, and nothing of Node that loads streams or sockets', async () => {
    const { ours, node } = await play<{ ours: string[]; node: string[] }>(
      `await import(${face}); return { ours: loadedOfOurs(), node: loadedOfNode() };`,
    );
    expect(ours.sort()).toEqual(['index.cjs', 'lib/index.cjs', 'lib/netmux.cjs']);
    const heavy = ['net', 'stream', 'dgram', 'child_process', 'worker_threads', 'dns/promises', 'timers/promises'];
    expect(node.filter((name) => heavy.includes(name))).toEqual([]);
  });

  it('leaves the pure-Node engine and what a server is made of for when they are needed', async () => {
    const { engine, made, served } = await play<{ engine: string[]; made: string[]; served: string[] }>(`
      const { Mux, MultiplexServer } = await import(${face});
      new Mux({ engine: 'node' });
      const engine = loadedOfOurs();
      const server = new MultiplexServer();
      const made = loadedOfOurs();
      server.run({ port: 0, host: '127.0.0.1', log_level: 0, argv: [] }).catch(() => {});
      await server.ready;
      await server.close();
      return { engine, made, served: loadedOfOurs() };`);
    expect(engine).toContain('lib/node-engine.cjs');
    expect(engine).not.toContain('lib/server.cjs');
    expect(made).toEqual(engine);
    expect(served).toContain('lib/server.cjs');
  });
});
