/**
 * Plays the recorded scenarios of the Perl originals against the servers of `servers/`, black box, by `runner.py`. What is expected
 * is what was recorded (`NAME/expected.json`), to the letter, but for what netmux does better on purpose: that stands in
 * `expected/NAME.json`, with the number of the deviation; `expected/node/` has what is different on the pure-Node engine only.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { describeEngines } from '../engines.js';
import { temporaryDirectory } from '../mux/scene.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const SERVER = fileURLToPath(new URL('../../out/test/scenarios/server.js', import.meta.url));

/** The longest scenarios wait for half a minute in vain, as that is what they verify. */
const PATIENCE_MS = 60_000;

/** In it the runner is written; .ci/run installs it. */
const hasPython = spawnSync('python3', ['--version']).status === 0;

const names = readdirSync(HERE).filter((name) => existsSync(join(HERE, name, 'scenario.json')));

/** Plays one. @returns what the runner says: `ok NAME`, or what is different */
function play(name: string, engine: string): Promise<string> {
  const expected = ['--expected', join(HERE, 'expected'), ...(engine === 'node' ? ['--expected', join(HERE, 'expected/node')] : [])];
  const command = `${process.execPath} ${SERVER} {name}`;
  const runner = spawn('python3', [join(HERE, 'runner.py'), 'verify', '--cmd', command, ...expected, name], {
    env: { ...process.env, NODE_OPTIONS: '', NETMUX_ENGINE: engine, SCN_PATIENCE: '4' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [runner.stdout, runner.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  return new Promise((resolve, reject) => {
    runner.on('error', reject);
    runner.on('close', () => resolve(output.trim().replaceAll(/ +/g, ' ')));
  });
}

describe('the scenarios', () => {
  it('are all here, each with what was recorded and with a server', () => {
    expect(names).toHaveLength(60);
    expect(names.filter((name) => !existsSync(join(HERE, name, 'expected.json')))).toEqual([]);
    expect(names.filter((name) => !existsSync(join(HERE, 'servers', `${name}.ts`)))).toEqual([]);
  });

  it('differ from what was recorded only where a deviation says so', () => {
    const files = ['expected', 'expected/node'].flatMap((folder) =>
      readdirSync(join(HERE, folder))
        .filter((name) => name.endsWith('.json'))
        .map((name) => join(HERE, folder, name)),
    );
    const comment = (file: string) => (JSON.parse(readFileSync(file, 'utf8')) as { comment?: string }).comment ?? '';
    expect(files.filter((file) => !/\bD\d+:|docs\/engines\.md/.test(comment(file)))).toEqual([]);
  });
});

describe('a scenario without a server here', () => {
  it('brings its own, which gets all that it needs', async () => {
    const directory = temporaryDirectory();
    writeFileSync(
      join(directory, 'server.mjs'),
      `export default async ({ netmux, ev, show, conf, argv }) => {
         class Server extends netmux.MultiplexServer {
           async pre_loop_hook() { ev('ready', this.args.join()); void this.close(); }
         }
         ev(show('a\\tb\\xe9\\\\'), conf.host, conf({ host: '127.0.0.2' }).host, argv.join());
         await Server.run(conf());
         ev('over');
       }`,
    );
    const log = join(directory, 'events');
    const environment = { SCN_PORT: '0', SCN_LOG: log, SCN_TMP: directory, SCN_DIR: directory };
    const server = spawn(process.execPath, [SERVER, '99-of-others', '--log_level=0', 'extra'], {
      env: { ...process.env, NODE_OPTIONS: '', ...environment },
      stdio: 'inherit',
    });
    expect(await once(server, 'close')).toEqual([0, null]);
    expect(readFileSync(log, 'utf8')).toBe('a\\x09b\\xe9\\x5c 127.0.0.1 127.0.0.2 --log_level=0,extra\nready extra\nover\n');
  });
});

describeEngines('scenario', (engine) => {
  (hasPython ? it.concurrent : it.skip).each(names)(
    hasPython ? '%s' : '%s (not played: there is no Python here)',
    async (name) => {
      expect(await play(name, engine)).toBe(`ok ${name}`);
    },
    PATIENCE_MS,
  );
});
