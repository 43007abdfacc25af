import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { beforeEach, describe, expect, it } from 'vitest';
import { describeEngines } from '../engines.js';
import { type Ending, type Example, itWith, Program, run, startExample } from './programs.js';

const withCli = itWith('redis-cli');
const withBenchmark = itWith('redis-benchmark');

/** Client libraries send requests like this. */
function request(...args: (string | Buffer)[]): Buffer {
  const parts = args.map((arg) => Buffer.from(arg as string));
  return Buffer.concat([
    Buffer.from(`*${args.length}\r\n`),
    ...parts.flatMap((part) => [Buffer.from(`$${part.length}\r\n`), part, Buffer.from('\r\n')]),
  ]);
}

describeEngines('the resp example', (engine) => {
  let server: Example;
  let address: string[];

  beforeEach(async () => {
    server = await startExample('resp', engine);
    address = ['-h', server.host, '-p', `${server.port}`];
  });

  async function cli(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await run('redis-cli', [...address, ...args]);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    return stdout.trimEnd();
  }

  /** What comes back for these bytes until the server closes. */
  function exchange(...bytes: (string | Buffer)[]): Promise<string> {
    const socket = connect({ host: server.host, port: server.port, allowHalfOpen: true });
    socket.end(Buffer.concat(bytes.map((part) => Buffer.from(part as string))));
    return text(socket.setEncoding('latin1'));
  }

  /** The same, but it is the server who has to end it. */
  function exchangeOpen(...bytes: (string | Buffer)[]): Promise<string> {
    const socket = connect({ host: server.host, port: server.port });
    for (const part of bytes) socket.write(part);
    return text(socket.setEncoding('latin1'));
  }

  describe('with redis-cli', () => {
    withCli('PING and ECHO', async () => {
      expect(await cli('ping')).toBe('PONG');
      expect(await cli('PING', 'hello')).toBe('hello');
      expect(await cli('echo', 'two words')).toBe('two words');
      expect(await cli('echo', '')).toBe('');
    });

    withCli('SET, GET and DEL', async () => {
      expect(await cli('--no-raw', 'get', 'key')).toBe('(nil)');
      expect(await cli('set', 'key', 'one')).toBe('OK');
      expect(await cli('get', 'key')).toBe('one');
      expect(await cli('set', 'key', '')).toBe('OK');
      expect(await cli('--no-raw', 'get', 'key')).toBe('""');
      await cli('set', 'other', 'two');
      expect(await cli('--no-raw', 'del', 'key', 'none', 'other', 'key')).toBe('(integer) 2');
      expect(await cli('--no-raw', 'get', 'key')).toBe('(nil)');
    });

    withCli('INCR counts from 0, and only numbers of 64 bits', async () => {
      expect(await cli('incr', 'n')).toBe('1');
      expect(await cli('incr', 'n')).toBe('2');
      await cli('set', 'n', '-9223372036854775808');
      expect(await cli('incr', 'n')).toBe('-9223372036854775807');
      await cli('set', 'n', '9223372036854775806');
      expect(await cli('incr', 'n')).toBe('9223372036854775807');
      expect(await cli('incr', 'n')).toBe('ERR increment or decrement would overflow');
      for (const text of ['abc', '', '1.5', ' 1', '01', '+1', '9223372036854775808']) {
        await cli('set', 'n', text);
        expect(await cli('incr', 'n')).toBe('ERR value is not an integer or out of range');
        expect(await cli('get', 'n')).toBe(text.trimEnd());
      }
    });

    withCli('tells what is wrong with a command, and goes on', async () => {
      expect(await cli('get')).toBe("ERR wrong number of arguments for 'get' command");
      expect(await cli('ping', 'a', 'b')).toBe("ERR wrong number of arguments for 'ping' command");
      expect(await cli('set', 'key', 'value', 'EX', '10')).toBe('ERR syntax error');
      expect(await cli('flushall')).toBe("ERR unknown command 'flushall'");
    });

    withCli('a value may be any bytes, also many', async () => {
      const bytes = randomBytes(700_000);
      const set = await run('redis-cli', [...address, '-x', 'set', 'blob'], bytes);
      expect(set.stdout).toBe('OK\n');
      const get = new Program('redis-cli', [...address, '--raw', 'get', 'blob']);
      await get.ended;
      expect(Buffer.concat(get.output).equals(Buffer.concat([bytes, Buffer.from('\n')]))).toBe(true);
    });

    withCli('takes a pipe of commands', async () => {
      const commands = Array.from({ length: 20_000 }, (_, i) => request('SET', `key:${i}`, `${i}`));
      const piped = await run('redis-cli', [...address, '--pipe'], Buffer.concat(commands));
      expect(piped.stdout).toMatch(/errors: 0, replies: 20000\n$/);
      expect(await cli('get', 'key:19999')).toBe('19999');
    });

    withCli('answers a session that begins with HELLO', async () => {
      const session = await run('redis-cli', [...address, '-2'], 'hello 2\nclient setname me\ncommand docs\nget key\n');
      expect(session.code).toBe(0);
      expect(session.stdout).toBe('server\nnetmux\nproto\n2\nmode\nstandalone\nOK\n\n\n');
    });
  });

  describe('with redis-benchmark', () => {
    function benchmark(options: string): Promise<Ending> {
      return run('redis-benchmark', [...address, '--csv', ...options.split(' ')]);
    }

    function finished({ code, stdout, stderr }: Ending, ...tests: string[]): void {
      expect(code).toBe(0);
      expect(`${stdout}${stderr}`).not.toMatch(/WARN|[Ee]rror/);
      for (const name of tests) expect(stdout).toContain(`"${name}","`);
    }

    withBenchmark('runs its tests of what there is', async () => {
      finished(await benchmark('-t ping,set,get,incr -n 5000 -c 20'), 'PING_INLINE', 'PING_MBULK', 'SET', 'GET', 'INCR');
    });

    withBenchmark('runs them pipelined, with large values', async () => {
      finished(await benchmark('-t ping,set,get -n 5000 -P 16 -d 3000 -r 100'), 'PING_INLINE', 'PING_MBULK', 'SET', 'GET');
    });
  });

  itWith('nc')('answers what a person types at nc', async () => {
    const nc = new Program('nc', [server.host, `${server.port}`]);
    nc.write('ping\n');
    expect(await nc.line()).toBe('+PONG\r');
    nc.write('  SET  key\tvalue  \r\n\r\nget key\n');
    expect(await nc.line()).toBe('+OK\r');
    expect(await nc.line()).toBe('$5\r');
    expect(await nc.line()).toBe('value\r');
    nc.write('quit\nping\n');
    expect(await nc.line()).toBe('+OK\r');
    expect((await nc.hungUp()).stdout).toMatch(/value\r\n\+OK\r\n$/);
  });

  it('understands requests however they are cut into pieces', async () => {
    const requests = Buffer.concat([
      request('SET', 'k', 'a\r\n$b'),
      Buffer.from('PING\r\n'),
      request('GET', 'k'),
      request('ECHO', ''),
      request('DEL', 'k', 'k'),
    ]);
    const answers = '+OK\r\n+PONG\r\n$5\r\na\r\n$b\r\n$0\r\n\r\n:1\r\n';
    expect(await exchange(requests)).toBe(answers);

    const socket = connect({ host: server.host, port: server.port, noDelay: true });
    const answer = text(socket);
    for (const byte of requests) {
      socket.write(Uint8Array.of(byte));
      await new Promise(setImmediate);
    }
    socket.end();
    expect(await answer).toBe(answers);
  });

  it('keys are bytes: what looks alike in UTF-8 is not the same', async () => {
    const [latin1, utf8] = [Buffer.from('é', 'latin1'), Buffer.from('é', 'utf8')];
    const answer = await exchange(request('SET', latin1, latin1), request('SET', utf8, utf8), request('GET', latin1), request('GET', utf8));
    expect(answer).toBe('+OK\r\n+OK\r\n$1\r\n\xe9\r\n$2\r\n\xc3\xa9\r\n');
  });

  it('a client that sends requests and does not read gets all its answers when it reads', async () => {
    const value = randomBytes(512 * 1024);
    expect(await exchange(request('SET', 'v', value))).toBe('+OK\r\n');
    const socket = connect({ host: server.host, port: server.port, allowHalfOpen: true });
    socket.end(Buffer.concat(Array.from({ length: 60 }, () => request('GET', 'v'))));
    await new Promise((resolve) => setTimeout(resolve, 300));
    let bytes = 0;
    for await (const chunk of socket as AsyncIterable<Buffer>) bytes += chunk.length;
    expect(bytes).toBe(60 * (`$${value.length}\r\n`.length + value.length + 2));
  });

  it.each([
    ['a count that is none', '*x\r\n', 'invalid multibulk length'],
    ['too many arguments', '*1025\r\n', 'invalid multibulk length'],
    ['an argument that is no bulk string', '*1\r\n+PING\r\n', "expected '$', got '+'"],
    ['a size that is none', '*1\r\n$-5\r\n', 'invalid bulk length'],
    ['a size without digits', '*1\r\n$\r\n', 'invalid bulk length'],
    ['too large an argument', '*1\r\n$1048577\r\n', 'invalid bulk length'],
    ['an argument that is longer than its size', '*1\r\n$4\r\nPINGPONG\r\n', 'expected CRLF after bulk string'],
    ['an inline request without an end', 'x'.repeat(65_537), 'too big inline request'],
  ])('answers %s with an error and closes', async (_what, bytes, complaint) => {
    expect(await exchangeOpen(request('PING'), bytes)).toBe(`+PONG\r\n-ERR Protocol error: ${complaint}\r\n`);
  });
});
