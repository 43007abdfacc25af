/**
 * HTTP/1.1 says hello: GET and HEAD of `/`, keep-alive, pipelining. Bodies of requests are skipped, not read.
 * (Not a web server: no TLS, no chunked requests, one page.)
 */
import { type Handle, type InputBuffer, Mux, type MuxCallbacks } from 'netmux';
import { runExample } from './command-line.js';
import { BadRequest, parseHead, type RequestHead } from './http-head.js';

/** Longest head of a request; what Node and most proxies take, too, or less. */
const MAX_HEAD_BYTES = 8192;

/** Seconds without input after which a connection is closed, whether it waits for a request or for the rest of one. */
const IDLE_SECONDS = 60;

const END_OF_HEAD = '\r\n\r\n';
const CARRIAGE_RETURN = 13;

/** The request whose body is being skipped, and how much of that is still to come. */
interface Skipping {
  readonly head: RequestHead;
  left: number;
}

type Client = Handle<Skipping>;

class HelloServer implements MuxCallbacks<Skipping> {
  mux_connection(_mux: Mux<Skipping>, client: Client): void {
    client.setTimeout(IDLE_SECONDS);
  }

  mux_input(_mux: Mux<Skipping>, client: Client, data: InputBuffer): void {
    client.setTimeout(IDLE_SECONDS);
    try {
      while (client.writable && this.serve(client, data));
    } catch (error) {
      if (!(error instanceof BadRequest)) throw error;
      respond(client, error.status, { keepAlive: false, withBody: true });
    }
  }

  mux_timeout(mux: Mux<Skipping>, client: Client): void {
    mux.close(client);
  }

  mux_outbuffer_empty(_mux: Mux<Skipping>, client: Client): void {
    client.resume();
  }

  /** One step: the head of a request, or more of a body. False when the input has no further step. */
  private serve(client: Client, data: InputBuffer): boolean {
    if (client.data !== undefined) return this.skip(client, client.data, data);

    const end = data.indexOf(END_OF_HEAD);
    if (end > MAX_HEAD_BYTES || (end < 0 && data.length > MAX_HEAD_BYTES)) throw new BadRequest('431 Request Header Fields Too Large');
    if (end < 0) {
      refuseBareLineFeed(data);
      return false;
    }

    const head = parseHead(data.toString('latin1', 0, end));
    data.consume(end + END_OF_HEAD.length);
    if (head.bodyBytes === 0) answer(client, head);
    else {
      if (head.expectsContinue) client.write('HTTP/1.1 100 Continue\r\n\r\n');
      client.data = { head, left: head.bodyBytes };
    }
    return true;
  }

  private skip(client: Client, request: Skipping, data: InputBuffer): boolean {
    const bytes = Math.min(request.left, data.length);
    data.consume(bytes);
    request.left -= bytes;
    if (request.left > 0) return false;
    client.data = undefined;
    answer(client, request.head);
    return true;
  }
}

/** Who ends lines without CR would wait for an answer until the time is up. */
function refuseBareLineFeed(data: InputBuffer): void {
  const end = data.indexOf('\n');
  if (end === 0 || (end > 0 && data.at(end - 1) !== CARRIAGE_RETURN)) throw new BadRequest('400 Bad Request');
}

function answer(client: Client, { method, path, keepAlive }: RequestHead): void {
  const withBody = method !== 'HEAD';
  if (method !== 'GET' && method !== 'HEAD')
    respond(client, '405 Method Not Allowed', { keepAlive, withBody, fields: 'Allow: GET, HEAD\r\n' });
  else if (path !== '/') respond(client, '404 Not Found', { keepAlive, withBody });
  else respond(client, '200 OK', { keepAlive, withBody, body: 'Hello, World!\n' });
}

interface Response {
  readonly keepAlive: boolean;
  readonly withBody: boolean;
  /** Default: the status. ASCII. */
  readonly body?: string;
  /** Further fields, each with its CRLF. */
  readonly fields?: string;
}

function respond(client: Client, status: string, { keepAlive, withBody, body = `${status}\n`, fields = '' }: Response): void {
  const connection = keepAlive ? '' : 'Connection: close\r\n';
  const taken = client.write(
    `HTTP/1.1 ${status}\r\nDate: ${httpDate()}\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n${fields}${connection}\r\n${withBody ? body : ''}`,
  );
  if (!keepAlive) client.close();
  else if (!taken) client.pause(); // it asks faster than it reads
}

let dateSecond = 0;
let dateText = '';

/** The date as HTTP wants it, made once a second. */
function httpDate(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}

await runExample({
  client: 'curl http://HOST:PORT/',
  start({ address, muxOptions }) {
    const mux = new Mux<Skipping>(muxOptions);
    mux.setCallbackObject(new HelloServer());
    return mux.listen(address);
  },
});
