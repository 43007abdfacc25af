import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

const TYPES: Readonly<Record<number, 'A' | 'PTR' | 'AAAA'>> = { 1: 'A', 12: 'PTR', 28: 'AAAA' };

const HEADER_BYTES = 12;
const ANSWER_BIT = 0x8180;
const SERVFAIL = 2;
const NXDOMAIN = 3;

/** `NAME TYPE` → the data of each record; no entry = there is no such name; 'silence' and 'failure' say what they do. */
export type Zone = Readonly<Record<string, readonly string[] | 'silence' | 'failure'>>;

/** A name server on this machine that speaks just enough DNS. */
export interface NameServer {
  /** As `PeerNames` wants it. */
  readonly address: string;
  /** The questions so far, `NAME TYPE`. */
  readonly questions: readonly string[];
  close(): Promise<void>;
}

export async function nameServer(zone: Zone): Promise<NameServer> {
  const socket = createSocket('udp4');
  const questions: string[] = [];
  socket.on('message', (query, from) => {
    const { name, end } = readName(query);
    const type = query.readUInt16BE(end);
    const question = `${name} ${TYPES[type]}`;
    questions.push(question);
    const found = zone[question];
    if (found === 'silence') return;
    const records = typeof found === 'object' ? found : [];
    const status = found === 'failure' ? SERVFAIL : found === undefined ? NXDOMAIN : 0;
    const header = Buffer.alloc(HEADER_BYTES);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(ANSWER_BIT | status, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    socket.send(
      Buffer.concat([header, query.subarray(HEADER_BYTES, end + 4), ...records.map((data) => record(type, data))]),
      from.port,
      from.address,
    );
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const close = async () => {
    socket.close();
    await once(socket, 'close');
  };
  return { address: `127.0.0.1:${(socket.address() as AddressInfo).port}`, questions, close };
}

function readName(query: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

/** A record about the name that was asked for. */
function record(type: number, data: string): Buffer {
  const bytes = bytesOf(type, data);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc000 | HEADER_BYTES, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(60, 6);
  head.writeUInt16BE(bytes.length, 10);
  return Buffer.concat([head, bytes]);
}

function bytesOf(type: number, data: string): Buffer {
  if (TYPES[type] === 'A') return Buffer.from(data.split('.').map(Number));
  if (TYPES[type] === 'AAAA')
    return Buffer.from(data.split(':').flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]));
  return Buffer.concat([...data.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label, 'latin1')])), Buffer.from([0])]);
}
