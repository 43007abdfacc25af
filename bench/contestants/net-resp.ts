/** node:net as everybody writes it: the store of `examples/resp`, one write for each reply. `--no-delay`: without Nagle's algorithm. */
import { type AddressInfo, createServer } from 'node:net';

const CRLF = '\r\n';

const store = new Map<string, string>();

function bulk(value: string | undefined): string {
  return value === undefined ? '$-1\r\n' : `$${Buffer.byteLength(value)}\r\n${value}\r\n`;
}

function wrongArguments(command: string): string {
  return `-ERR wrong number of arguments for '${command.toLowerCase()}' command\r\n`;
}

function increment(key: string): string {
  const value = Number(store.get(key) ?? '0') + 1;
  if (!Number.isSafeInteger(value)) return '-ERR value is not an integer or out of range\r\n';
  store.set(key, String(value));
  return `:${value}\r\n`;
}

function answer([name = '', ...values]: string[]): string {
  const command = name.toUpperCase();
  const [first, second] = values;
  switch (command) {
    case 'PING':
      return first === undefined ? '+PONG\r\n' : bulk(first);
    case 'ECHO':
      return first === undefined ? wrongArguments(command) : bulk(first);
    case 'GET':
      return first === undefined ? wrongArguments(command) : bulk(store.get(first));
    case 'SET':
      if (first === undefined || second === undefined) return wrongArguments(command);
      store.set(first, second);
      return '+OK\r\n';
    case 'DEL':
      return `:${values.filter((key) => store.delete(key)).length}\r\n`;
    case 'INCR':
      return first === undefined ? wrongArguments(command) : increment(first);
    default:
      return `-ERR unknown command '${name}'\r\n`;
  }
}

/** A request at the beginning of `input` and how many bytes it takes; `undefined` while it is incomplete. */
function parse(input: Buffer): { request: string[]; length: number } | undefined {
  let at = input.indexOf(CRLF);
  if (at < 0) return undefined;
  const head = input.toString('latin1', 0, at);
  at += 2;
  if (head[0] !== '*') return { request: head.split(' '), length: at };
  const request: string[] = [];
  for (let rest = Number(head.slice(1)); rest > 0; rest--) {
    const end = input.indexOf(CRLF, at);
    if (end < 0) return undefined;
    const begin = end + 2;
    const size = Number(input.toString('latin1', at + 1, end));
    at = begin + size + 2;
    if (input.length < at) return undefined;
    request.push(input.toString('utf8', begin, begin + size));
  }
  return { request, length: at };
}

const server = createServer({ noDelay: process.argv.includes('--no-delay') }, (socket) => {
  let input = Buffer.alloc(0);
  socket.on('data', (data) => {
    input = input.length === 0 ? data : Buffer.concat([input, data]);
    for (let parsed = parse(input); parsed !== undefined; parsed = parse(input)) {
      input = input.subarray(parsed.length);
      socket.write(answer(parsed.request));
    }
  });
  socket.on('error', () => socket.destroy());
});
server.listen(0, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${(server.address() as AddressInfo).port}`));
