/**
 * The server of one scenario: `node out/test/scenarios/server.js NAME [ARGUMENT …]`, in the environment that runner.py gives it. A
 * scenario without a server here brings its own: `server.mjs` in its folder, whose default export gets all that it needs.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as netmux from 'netmux';
import { argv, conf, ev, setting, show } from './vocabulary.js';

const name = process.argv[2] ?? '';
const own = new URL(`./servers/${name}.js`, import.meta.url);
const isOwn = /^[\w-]+$/.test(name) && existsSync(own);
const server = (await import(isOwn ? own.href : pathToFileURL(join(setting('SCN_DIR'), 'server.mjs')).href)) as Scenario;

interface Scenario {
  default(given: object): unknown;
}

await server.default({ netmux, ev, show, conf, argv });
