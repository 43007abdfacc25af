/**
 * A small store that speaks the Redis protocol, for redis-cli, redis-benchmark and the usual client libraries: strings in
 * memory, nothing on disk. PING, ECHO, SET, GET, DEL and INCR, and what clients ask to get acquainted.
 */
import { type Handle, type InputBuffer, Mux, type MuxCallbacks } from 'netmux';
import { runExample } from './command-line.js';
import { ProtocolError, Request } from './resp-request.js';
import { Refusal, Store } from './resp-store.js';

/** Answers that may wait for a client that sends requests and does not read; past it the client is closed. */
const MAX_UNREAD_BYTES = 64 * 1024 * 1024;

/** Answers that wait before no more requests are read. */
const READ_AHEAD_BYTES = 64 * 1024;

/** Characters of what the peer sent that an error repeats. */
const MAX_QUOTED = 64;

const OK = '+OK\r\n';
const PONG = '+PONG\r\n';

const ANY = Number.POSITIVE_INFINITY;

interface Command {
  /** In small letters. */
  readonly name: string;
  /** Fewest and most arguments, the name included. */
  readonly least: number;
  readonly most: number;
  answer(client: Handle, request: Request): void;
}

class RespServer implements MuxCallbacks {
  private readonly request = new Request();
  private readonly commands: readonly Command[];

  constructor(commands: readonly Command[]) {
    this.commands = commands;
  }

  mux_input(_mux: Mux, client: Handle, data: InputBuffer): void {
    const { request } = this;
    try {
      while (request.read(data)) {
        if (request.count > 0) this.answer(client);
        if (!client.writable) return; // it said QUIT
        request.consume();
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      client.write(`-ERR Protocol error: ${error.message}\r\n`);
      client.close();
      return;
    }
    if (client.bufferedAmount > READ_AHEAD_BYTES) client.pause();
  }

  mux_outbuffer_empty(_mux: Mux, client: Handle): void {
    client.resume();
  }

  private answer(client: Handle): void {
    const { request } = this;
    try {
      for (const command of this.commands) {
        if (!request.is(0, command.name)) continue;
        if (request.count < command.least || request.count > command.most) {
          throw new Refusal(`ERR wrong number of arguments for '${command.name}' command`);
        }
        command.answer(client, request);
        return;
      }
      throw new Refusal(
        `ERR unknown command '${request
          .text(0)
          .slice(0, MAX_QUOTED)
          .replace(/[^ -~]/g, '?')}'`,
      );
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      client.write(`-${error.message}\r\n`);
    }
  }
}

/** The commands on a store, in the order in which a request is compared with them. */
function commandsOn(store: Store): Command[] {
  return [
    { name: 'ping', least: 1, most: 2, answer: (client, request) => (request.count === 1 ? client.write(PONG) : echo(client, request)) },
    { name: 'get', least: 2, most: 2, answer: (client, request) => writeBulk(client, store.get(request.text(1))) },
    { name: 'set', least: 3, most: ANY, answer: (client, request) => set(store, client, request) },
    { name: 'incr', least: 2, most: 2, answer: (client, request) => client.write(`:${store.increment(request.text(1))}\r\n`) },
    { name: 'del', least: 2, most: ANY, answer: (client, request) => remove(store, client, request) },
    { name: 'echo', least: 2, most: 2, answer: echo },
    // What clients send on their own account. redis-benchmark asks CONFIG for `save` and `appendonly`.
    { name: 'config', least: 2, most: ANY, answer: config },
    { name: 'command', least: 1, most: ANY, answer: (client) => client.write('*0\r\n') },
    { name: 'client', least: 2, most: ANY, answer: (client) => client.write(OK) },
    { name: 'hello', least: 1, most: ANY, answer: hello },
    { name: 'quit', least: 1, most: 1, answer: quit },
  ];
}

function echo(client: Handle, request: Request): void {
  writeBulk(client, request.view(request.count - 1));
}

function set(store: Store, client: Handle, request: Request): void {
  if (request.count > 3) throw new Refusal('ERR syntax error'); // EX, NX and the like
  const key = request.text(1);
  store.set(key, request.take(2));
  client.write(OK);
}

function remove(store: Store, client: Handle, request: Request): void {
  let removed = 0;
  for (let i = 1; i < request.count; i += 1) if (store.delete(request.text(i))) removed += 1;
  client.write(`:${removed}\r\n`);
}

/** Every parameter exists and is empty. */
function config(client: Handle, request: Request): void {
  if (!request.is(1, 'get') || request.count !== 3) throw new Refusal('ERR only CONFIG GET with one parameter is known');
  client.write('*2\r\n');
  writeBulk(client, request.view(2));
  client.write('$0\r\n\r\n');
}

function hello(client: Handle, request: Request): void {
  if (request.count > 1 && !request.is(1, '2')) throw new Refusal('NOPROTO unsupported protocol version');
  client.write('*6\r\n$6\r\nserver\r\n$6\r\nnetmux\r\n$5\r\nproto\r\n:2\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n');
}

function quit(client: Handle): void {
  client.write(OK);
  client.close();
}

function writeBulk(client: Handle, bytes: Buffer | undefined): void {
  if (bytes === undefined) {
    client.write('$-1\r\n');
    return;
  }
  client.write(`$${bytes.length}\r\n`);
  client.write(bytes);
  client.write('\r\n');
}

await runExample({
  client: 'redis-cli -h HOST -p PORT',
  start({ address, muxOptions }) {
    const mux = new Mux({ ...muxOptions, maxOutbuffer: MAX_UNREAD_BYTES });
    mux.setCallbackObject(new RespServer(commandsOn(new Store())));
    return mux.listen(address);
  },
});
