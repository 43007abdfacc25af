import { NetmuxTypeError, shown } from '../errors.js';
import type { Handle } from '../mux/handle.js';
import { isThenable } from '../mux/thenable.js';
import { type Logging, MultiplexClient } from './client.js';
import { link, unlink } from './linked-output.js';

/** A class of client objects, as an application writes it. */
export type ClientClass<Client> = new (netServer: never, fh: never) => Client;

/** A class of client objects, as a server uses it. */
export type ConnectionClass<Client> = new (netServer: object, fh: Handle<Client>) => Client;

/** What a class of connections is made of: its server, and what it does around the callbacks. */
interface Surroundings {
  readonly Client?: ClientClass<unknown> | undefined;
  log(level: number, text: string): void;
  complain(error: unknown, during: string): void;
  post_process_request_hook(): void;
}

interface Class {
  readonly prototype: object;
}

/**
 * A class of clients is known by its members: a program that installs netmux for itself extends a class of its own.
 * @param Client what a server has under that name
 * @throws NetmuxTypeError where it cannot stand for connections
 */
export function checkClientClass(Client: unknown): void {
  if (Client === undefined) return;
  const prototype: unknown = typeof Client === 'function' ? Client.prototype : undefined;
  const isClass = typeof prototype === 'object' && prototype !== null;
  if (isClass && Object.getOwnPropertyNames(MultiplexClient.prototype).every((name) => name in prototype)) return;
  throw new NetmuxTypeError(
    `Client must be a class that extends MultiplexClient${typeof Client === 'function' ? '' : `, not ${shown(Client)}`}`,
  );
}

type Callback = (this: object, ...values: unknown[]) => unknown;

/** Callbacks in which standard output is the client's, where a server links it. */
const LINKED = ['mux_connection', 'mux_input', 'mux_eof', 'mux_timeout'] as const;

/** By class of clients or servers: the classes made of it, with linked output and without. */
const made = new WeakMap<object, { linked?: ConnectionClass<never>; unlinked?: ConnectionClass<never> }>();

/**
 * The class of the objects that a server makes for its connections: the application's class of clients, or, where the callbacks
 * stand in the server's own class, one that inherits from that; and around `mux_close` and `mux_timeout` what the server adds.
 *
 * It is made once for each class, since each new one would make calling the callbacks slower.
 * @param Library the class that all classes of servers inherit from
 * @param isLinked whether standard output is the client's during its callbacks
 */
export function connectionClass<Client>(server: Surroundings, Library: Class, isLinked: boolean): ConnectionClass<Client> {
  const origin = server.Client ?? server.constructor;
  const variants = made.get(origin) ?? {};
  made.set(origin, variants);
  const kind = isLinked ? 'linked' : 'unlinked';
  variants[kind] ??= surrounded(server.Client ?? inheriting(server.constructor, Library), isLinked);
  return variants[kind] as unknown as ConnectionClass<Client>;
}

/** A class whose objects are built like clients, and have the members of clients before those of the server's class. */
function inheriting(serverClass: Class, Library: Class): ClientClass<unknown> {
  class ServerClient extends MultiplexClient<Logging> {}
  const members = { ...passedOn(Library), ...Object.getOwnPropertyDescriptors(MultiplexClient.prototype) };
  Object.setPrototypeOf(ServerClient.prototype, Object.create(serverClass.prototype, members));
  return ServerClient;
}

/** What a server has from the library works on its clients, too: `this.get_property(…)` in a callback asks the server. */
function passedOn(Library: Class): PropertyDescriptorMap {
  const members: PropertyDescriptorMap = {};
  for (let { prototype } = Library; prototype !== Object.prototype; prototype = Object.getPrototypeOf(prototype)) {
    for (const name of Object.getOwnPropertyNames(prototype)) {
      members[name] ??= {
        get(this: { netServer: Record<string, unknown> }) {
          const { netServer } = this;
          const member = netServer[name];
          return typeof member === 'function' ? member.bind(netServer) : member;
        },
        configurable: true,
      };
    }
  }
  return members;
}

function surrounded(Client: ClientClass<unknown>, isLinked: boolean): ConnectionClass<never> {
  const Base = Client as unknown as new (netServer: Surroundings, fh: Handle) => MultiplexClient<Logging>;
  class Connection extends Base {}
  const methods = Base.prototype as unknown as Record<string, Callback | undefined>;
  const define = (name: string, value: Callback) =>
    Object.defineProperty(Connection.prototype, name, { value, writable: true, configurable: true });
  for (const name of isLinked ? LINKED : []) {
    const method = methods[name];
    if (method === undefined) continue;
    define(name, function (...values) {
      const outer = link(values[1] as Handle);
      try {
        return method.apply(this, values);
      } finally {
        unlink(outer);
      }
    });
  }
  define('mux_close', function (mux, fh) {
    const { netServer } = this as { netServer: Surroundings };
    const complain = (error: unknown) => netServer.complain(error, 'post_process_request_hook: ');
    try {
      const result: unknown = netServer.post_process_request_hook();
      if (isThenable(result)) result.then(undefined, complain);
    } catch (error) {
      complain(error);
    }
    return methods.mux_close?.call(this, mux, fh);
  });
  // Most servers set no timers and need no mux_timeout; whoever sets one in vain should hear of it.
  if (methods.mux_timeout === undefined) define('mux_timeout', warnOnce);
  return Connection as unknown as ConnectionClass<never>;
}

const warned = new WeakSet<object>();

function warnOnce(this: object): void {
  const prototype = Object.getPrototypeOf(this) as object;
  if (warned.has(prototype)) return;
  warned.add(prototype);
  (this as { netServer: Surroundings }).netServer.log(1, 'A timer came due, but there is no mux_timeout: nothing happens');
}
