/** The head of an HTTP/1.x request, as far as a server needs it that ignores bodies: RFC 9112, sections 2 to 6. */

/** What the server has to know of a request. */
export interface RequestHead {
  readonly method: string;
  readonly path: string;
  /** The connection serves further requests. */
  readonly keepAlive: boolean;
  /** Bytes of the body, which follows the head. */
  readonly bodyBytes: number;
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
}

/** A request that cannot be served; after it nothing is known of where the next one begins. */
export class BadRequest extends Error {
  readonly status: string;

  constructor(status: string) {
    super(status);
    this.status = status;
  }
}

const REQUEST_LINE = /^([!#$%&'*+.^_`|~\w-]+) ([\x21-\x7e]+) HTTP\/1\.([01])(?:\r\n|$)/;

/** A field at `lastIndex`. No CR, LF or NUL inside its line: two servers that read one differently can be played against each other. */
const FIELD_LINE = /([!#$%&'*+.^_`|~\w-]+):([^\0\r\n]*)(?:\r\n|$)/y;

/** Up to 999,999,999,999,999 bytes: more is no length, and less than 2^53. */
const CONTENT_LENGTH = /^[ \t]*\d{1,15}[ \t]*$/;

/** @param text the head without the empty line that ends it, one character per byte */
export function parseHead(text: string): RequestHead {
  const [line, method, target, minor] = REQUEST_LINE.exec(text) ?? [];
  if (line === undefined || method === undefined || target === undefined) throw new BadRequest('400 Bad Request');

  let hosts = 0;
  let connection = '';
  let contentLength: string | undefined;
  let expectsContinue = false;
  FIELD_LINE.lastIndex = line.length;
  while (FIELD_LINE.lastIndex < text.length) {
    const [, name, value] = FIELD_LINE.exec(text) ?? [];
    if (name === undefined || value === undefined) throw new BadRequest('400 Bad Request');
    switch (name.toLowerCase()) {
      case 'host':
        hosts += 1;
        break;
      case 'connection':
        connection += `,${value.toLowerCase()}`;
        break;
      case 'content-length':
        if (!CONTENT_LENGTH.test(value) || (contentLength ?? value) !== value) throw new BadRequest('400 Bad Request');
        contentLength = value;
        break;
      case 'transfer-encoding':
        throw new BadRequest('501 Not Implemented');
      case 'expect':
        expectsContinue = value.trim().toLowerCase() === '100-continue';
    }
  }
  if (hosts > 1 || (hosts === 0 && minor === '1')) throw new BadRequest('400 Bad Request');
  const asksToClose = connection !== '' && connection.split(',').some((option) => option.trim() === 'close');
  return {
    method,
    path: pathOf(target),
    keepAlive: minor === '1' && !asksToClose,
    bodyBytes: Number(contentLength ?? 0),
    expectsContinue: expectsContinue && minor === '1',
  };
}

/** Of `/path?query` and of `http://host/path?query`, which every server has to understand. */
function pathOf(target: string): string {
  const path = target.startsWith('/') ? target : target.replace(/^http:\/\/[^/?]*/i, '');
  const query = path.indexOf('?');
  return (query < 0 ? path : path.slice(0, query)) || '/';
}
