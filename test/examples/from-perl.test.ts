/** docs/from-perl.md names nothing of netmux that does not exist, and leaves out nothing that the originals' users look for. */
import { expect, it } from 'vitest';
import * as netmux from '../../src/index.js';
import { CALLBACK_NAMES } from '../../src/mux/callbacks.js';
import { ServerHooks } from '../../src/server/hooks.js';
import { SERVER_OPTIONS } from '../../src/server/options/table.js';
import { filesIn, read } from '../architecture/sources.js';
import { readDocument } from './documents.js';

const PAGE = readDocument('docs/from-perl.md');

const [COUNTERPARTS = '', DEVIATIONS = ''] = PAGE.split('\n## Where netmux differs on purpose\n');

const SOURCES = filesIn('src', '.ts').map(read);

const { Handle, InputBuffer, Mux, MultiplexClient, MultiplexServer } = netmux;

const handle = new Handle(-1, new Mux({ engine: 'node' }));

/** What stands before the dot on the page, and an object of that kind. */
const OBJECTS: Readonly<Record<string, object>> = {
  mux: handle.mux,
  fh: handle,
  data: new InputBuffer(),
  client: new MultiplexClient(new MultiplexServer(), handle),
  server: new MultiplexServer(),
  MultiplexServer,
};

/** The rows of tables: the code in their first two cells. */
const rows = [...COUNTERPARTS.matchAll(/^\| (.+)$/gm)]
  .map(([, row]) => row!.split(' | ').map((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code!)))
  .filter(([original]) => original!.length > 0)
  .map(([original = [], ours = []]) => ({ original, ours }));

function exists(code: string): boolean {
  const [, owner, name = ''] = /^(?:new )?(?:(\w+)\.)?(\w+)/.exec(code) ?? [];
  if (owner !== undefined) return owner in OBJECTS && name in OBJECTS[owner]!;
  if (code.startsWith('new ') || /^[a-z]\w*\(/.test(code)) return name in netmux || name in OBJECTS.server! || isOptional(name);
  if (/^[A-Z\d_]+$/.test(name)) return SOURCES.some((source) => new RegExp(`\\b${name}\\b`).test(source));
  return name in SERVER_OPTIONS;
}

/** Callbacks and hooks that are looked for on the application's objects. */
function isOptional(name: string): boolean {
  return CALLBACK_NAMES.some((callback) => callback === name) || name === 'run_dequeue';
}

it('its tables name nothing that does not exist', () => {
  expect(rows.length).toBeGreaterThan(90);
  expect(rows.filter(({ ours }) => ours.length === 0 || !ours.every(exists))).toEqual([]);
});

it('what its deviations say of netmux names nothing that does not exist', () => {
  const isWritten = (name: string) => SOURCES.some((source) => new RegExp(`\\b${name}\\b`).test(source));
  const named = [...DEVIATIONS.matchAll(/^\| D\d+ \| .+? \| (.+)$/gm)].flatMap(([, ours]) => [...ours!.matchAll(/`(\w+)(?:\([^`]*\))?`/g)]);
  expect(named.length).toBeGreaterThan(40);
  expect(named.map(([, name]) => name!).filter((name) => !(name in SERVER_OPTIONS) && !isWritten(name))).toEqual([]);
});

it('has every hook and callback, and every option that is accepted for the sake of the originals', () => {
  const left = rows.flatMap(({ original }) => original).join(' ');
  const own = Object.entries(SERVER_OPTIONS);
  const perlOnly = own.filter(([, row]) => row.perlOnly !== undefined).map(([name]) => name);
  expect(perlOnly.filter((name) => !new RegExp(`\`${name}\``).test(COUNTERPARTS))).toEqual([]);
  const hooks = Object.getOwnPropertyNames(ServerHooks.prototype).filter((name) => name.endsWith('_hook'));
  expect(hooks.length).toBeGreaterThan(10);
  expect(hooks.filter((name) => !left.includes(name))).toEqual([]);
  const ofTheOriginals = ['connection', 'input', 'eof', 'close', 'timeout', 'outbuffer_empty', 'epipe'].map((event) => `mux_${event}`);
  expect(ofTheOriginals.filter((name) => !left.includes(name))).toEqual([]);
});

it('has each deviation once, in order', () => {
  const numbers = [...DEVIATIONS.matchAll(/^\| D(\d+) \|/gm)].map(([, number]) => Number(number));
  expect(numbers).toEqual(Array.from({ length: 33 }, (_, index) => index + 1));
});
