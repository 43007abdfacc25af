/** Everything that a server can do, inside of each callback: the same scripts as the model's, but all of them. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Handle, Listener, Mux } from '../../src/index.js';
import { engines } from '../engines.js';
import { MemorySystem } from './memory-system.js';
import { play } from './play.js';
import { ACTIONS, type Action, CALLBACKS, type Callback, type Script, type Step } from './script.js';
import { SocketSystem } from './socket-system.js';
import { Surroundings } from './surroundings.js';
import type { System } from './system.js';

/** What comes before the plan, and what makes the callback run. */
const causes: Readonly<Record<Callback, readonly [readonly Step[], Step]>> = {
  mux_connection: [[], { client: 0, does: 'connect' }],
  mux_input: [[{ client: 0, does: 'connect' }], { client: 0, does: 'send', bytes: 9 }],
  mux_eof: [[{ client: 0, does: 'connect' }], { client: 0, does: 'finish' }],
  mux_close: [[{ client: 0, does: 'connect' }], { server: ['abort'], to: 0 }],
  mux_timeout: [[{ client: 0, does: 'connect' }], { server: ['timer'], to: 0 }],
  mux_outbuffer_empty: [[{ client: 0, does: 'connect' }], { server: ['write'], to: 0 }],
  mux_epipe: [
    [
      { client: 0, does: 'connect' },
      { server: ['shutdown 0'], to: 0 },
    ],
    { client: 0, does: 'reset' },
  ],
  mux_refused: [[{ client: 1, does: 'connect' }], { client: 0, does: 'connect' }],
  mux_error: [
    [
      { client: 0, does: 'connect' },
      { when: 'mux_input', of: 0, orders: ['throw'], to: 0 },
    ],
    { client: 0, does: 'send', bytes: 9 },
  ],
};

/** There are so many ways to write. */
const REPEATED = 6;

/** Who was not let in has no handle: there it is the other one. */
function scriptOf(callback: Callback, action: Action): Script {
  const [before, cause] = causes[callback];
  const to = callback === 'mux_refused' ? 1 : 0;
  const orders = new Array<Action>(action === 'write' ? REPEATED : 1).fill(action);
  const plan: Step = { when: callback, of: 0, orders, to };
  const after: Step[] = [
    { client: to, does: 'send', bytes: 9 },
    { server: ['write', 'ask'], to },
    { client: to, does: 'finish' },
  ];
  const settings = {
    allowHalfOpen: false,
    outbufferPolicy: 'close',
    isInputLimited: false,
    isLimited: callback === 'mux_refused',
    isLocal: false,
  } as const;
  return { ...settings, steps: [...before, plan, cause, ...after] };
}

let surroundings: Surroundings;

beforeAll(async () => {
  surroundings = await Surroundings.open(false);
});

afterAll(() => surroundings.close());

const systems: System[] = [];

afterEach(async () => {
  for (const system of systems.splice(0)) await system.end();
});

async function open(engine: string, script: Script): Promise<System> {
  const system = engine === 'memory' ? await MemorySystem.open(script) : await SocketSystem.open(engine as 'native', script, surroundings);
  systems.push(system);
  return system;
}

describe.each([...engines, 'memory'])('everything inside of each callback (%s engine)', (engine) => {
  it.each(CALLBACKS)('%s', { timeout: 60_000 }, async (callback) => {
    for (const action of ACTIONS) {
      const script = scriptOf(callback, action);
      await play(script, await open(engine, script));
    }
  });
});

/** Members that are nobody's but the library's. */
const INTERNAL = ['constructor', 'complain', 'isAwaited', 'bound', 'settle'];

type Member = string | symbol;

/**
 * Tells of each member of a class that is used from outside of it, until it is undone.
 * @param level of callbacks within callbacks: what one does inside of a call is a use of its own
 */
function watch(owner: object, name: string, level: () => number, used: (member: string) => void): () => void {
  const depth: number[] = [];
  const told = (member: Member, call: () => unknown) => {
    const at = level();
    const outer = depth[at] ?? 0;
    if (outer === 0) used(`${name}.${String(member)}`);
    depth[at] = outer + 1;
    try {
      return call();
    } finally {
      depth[at] = outer;
    }
  };
  const originals = publicMembers(owner).map((member) => [member, Object.getOwnPropertyDescriptor(owner, member)!] as const);
  for (const [member, { get, value }] of originals) {
    const watched =
      get === undefined
        ? {
            value(this: unknown, ...args: unknown[]) {
              return told(member, () => value.apply(this, args));
            },
          }
        : {
            get(this: unknown) {
              return told(member, () => get.call(this));
            },
          };
    Object.defineProperty(owner, member, { ...watched, configurable: true });
  }
  return () => {
    for (const [member, original] of originals) Object.defineProperty(owner, member, original);
  };
}

function publicMembers(owner: object): Member[] {
  return Reflect.ownKeys(owner).filter((member) => !INTERNAL.includes(String(member)));
}

describe('every public member of Mux, Handle and Listener', () => {
  it('is used inside of each callback by these scripts', { timeout: 60_000 }, async () => {
    const owners = { mux: Mux.prototype, handle: Handle.prototype, listener: Listener.prototype };
    const members = Object.entries(owners).flatMap(([name, owner]) => publicMembers(owner).map((member) => `${name}.${String(member)}`));
    const used = new Set<string>();
    let system: System | undefined;
    const note = (member: string) => used.add(`${member} in ${system?.inside.at(-1)}`);
    const level = () => system?.inside.length ?? 0;
    const undo = Object.entries(owners).map(([name, owner]) => watch(owner, name, level, note));
    try {
      for (const callback of CALLBACKS) {
        for (const action of ACTIONS) {
          const script = scriptOf(callback, action);
          system = await open('memory', script);
          await play(script, system);
        }
      }
    } finally {
      for (const each of undo) each();
    }
    const wanted = CALLBACKS.flatMap((callback) => members.map((member) => `${member} in ${callback}`));
    expect(wanted.filter((one) => !used.has(one))).toEqual([]);
  });
});
