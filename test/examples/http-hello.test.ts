import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { beforeEach, describe, expect, it } from 'vitest';
import { describeEngines } from '../engines.js';
import { type Example, itWith, run, startExample } from './programs.js';

const withCurl = itWith('curl');

describeEngines('the http-hello example', (engine) => {
  let server: Example;
  let url: string;

  beforeEach(async () => {
    server = await startExample('http-hello', engine);
    url = `http://${server.host}:${server.port}`;
  });

  async function curl(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await run('curl', ['--silent', '--show-error', '--max-time', '15', ...args]);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    return stdout;
  }

  /** What comes back for these bytes until the server closes. */
  function exchange(bytes: string): Promise<string> {
    return text(connect({ host: server.host, port: server.port, allowHalfOpen: true }).setNoDelay().end(bytes, 'latin1'));
  }

  /** The same, but it is the server who has to end it. */
  function exchangeOpen(bytes: string): Promise<string> {
    const socket = connect({ host: server.host, port: server.port });
    socket.write(bytes, 'latin1');
    return text(socket);
  }

  describe('with curl', () => {
    withCurl('says hello', async () => {
      const answer = await curl('--include', `${url}/?name=world`);
      expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
      expect(answer).toMatch(/\r\nContent-Length: 14\r\n/);
      expect(answer).toMatch(/\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/);
      expect(answer).toMatch(/\r\n\r\nHello, World!\n$/);
    });

    withCurl('answers HEAD without a body', async () => {
      const answer = await curl('--head', `${url}/`);
      expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n(.+\r\n)*Content-Length: 14\r\n(.+\r\n)*\r\n$/);
    });

    withCurl('keeps the connection for the next request', async () => {
      const format = '%{http_code} on new connections: %{num_connects}\n';
      const answer = await curl('--write-out', format, `${url}/`, `${url}/none`);
      expect(answer).toBe('Hello, World!\n200 on new connections: 1\n404 Not Found\n404 on new connections: 0\n');
    });

    withCurl('closes after Connection: close, and for HTTP/1.0', async () => {
      expect(await curl('--include', '--header', 'Connection: close', `${url}/`)).toMatch(/\r\nConnection: close\r\n/);
      expect(await curl('--include', '--http1.0', `${url}/`)).toMatch(/\r\nConnection: close\r\n/);
    });

    withCurl('skips the body of a request that it does not allow, and goes on', async () => {
      const format = 'on new connections: %{num_connects}\n';
      const body = 'x'.repeat(300_000);
      const posted = await run('curl', ['--silent', '--write-out', format, '--data-binary', '@-', `${url}/`, `${url}/again`], body);
      expect(posted.stdout).toBe('405 Method Not Allowed\non new connections: 1\n405 Method Not Allowed\non new connections: 0\n');
    });

    withCurl('tells a client that waits for it to continue', async () => {
      const body = 'x'.repeat(2_000_000);
      const posted = await run('curl', ['-s', '--verbose', '--header', 'Expect: 100-continue', '--data-binary', '@-', `${url}/`], body);
      expect(posted.stderr).toMatch(/< HTTP\/1\.1 100 Continue/);
      expect(posted.stdout).toBe('405 Method Not Allowed\n');
    });

    withCurl('refuses a head of more than 8 KiB', async () => {
      expect(await curl('--header', `X-Fits: ${'x'.repeat(7900)}`, `${url}/`)).toBe('Hello, World!\n');
      expect(await curl('--header', `X-Long: ${'x'.repeat(8192)}`, `${url}/`)).toBe('431 Request Header Fields Too Large\n');
    });
  });

  itWith('wrk')('serves wrk for a second without an error', async () => {
    const { code, stdout } = await run('wrk', ['--threads', '1', '--connections', '32', '--duration', '1s', `${url}/`]);
    expect(code).toBe(0);
    expect(stdout).not.toMatch(/Socket errors|Non-2xx/);
    expect(Number(/(\d+) requests in/.exec(stdout)?.[1])).toBeGreaterThan(100);
  });

  it('answers pipelined requests in order, however they are cut into pieces', async () => {
    const requests =
      'GET / HTTP/1.1\r\nHost: h\r\n\r\n' +
      'POST /form HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nGET / HTTP/' +
      'HEAD / HTTP/1.1\r\nHost: h\r\n\r\n' +
      'GET /none HTTP/1.1\r\nHost: h\r\n\r\n' +
      'GET http://h/ HTTP/1.1\r\nHost: h\r\nConnection: Keep-Alive, Close\r\n\r\n' +
      'GET /never HTTP/1.1\r\nHost: h\r\n\r\n';
    const statuses = (answer: string): string[] => answer.match(/HTTP\/1\.1 \d+/g) ?? [];
    const expected = [200, 405, 200, 404, 200].map((status) => `HTTP/1.1 ${status}`);
    expect(statuses(await exchangeOpen(requests))).toEqual(expected);

    const socket = connect({ host: server.host, port: server.port, noDelay: true });
    const answer = text(socket);
    for (const byte of requests.slice(0, requests.indexOf('GET /never'))) {
      socket.write(byte);
      await new Promise(setImmediate);
    }
    expect(statuses(await answer)).toEqual(expected);
  });

  it('answers a client that closes its side after the request', async () => {
    expect(await exchange('GET / HTTP/1.1\r\nHost: h\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 OK\r\n(.+\r\n)+\r\nHello, World!\n$/);
  });

  it.each([
    ['no HTTP at all', 'garbage\r\n\r\n'],
    ['the hello of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n'],
    ['lines without CR', 'GET / HTTP/1.1\nHost: h\n\n'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['two of them', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
    ['a blank before the colon', 'GET / HTTP/1.1\r\nHost : h\r\n\r\n'],
    ['a folded line', 'GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n'],
    ['a length that is none', 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n'],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
  ])('answers %s with 400 and closes', async (_what, bytes) => {
    expect(await exchangeOpen(bytes)).toMatch(
      /^HTTP\/1\.1 400 Bad Request\r\n(.+\r\n)*Connection: close\r\n(.+\r\n)*\r\n400 Bad Request\n$/,
    );
  });

  it('answers a chunked request with 501 and closes', async () => {
    expect(await exchangeOpen('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')).toMatch(/^HTTP\/1\.1 501 /);
  });

  it('answers a head without an end with 431 as soon as it is too long', async () => {
    expect(await exchangeOpen(`GET / HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(8192)}`)).toMatch(/^HTTP\/1\.1 431 /);
  });
});
