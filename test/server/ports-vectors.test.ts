// The port configurations that were tried on the original, on a machine whose localhost is IPv4 only and whose kernel lets [::] serve IPv4.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type BindSpec, portText, socketKey } from '../../src/server/bind-spec.js';
import { DEFAULT_PORT, type PortSettings, parsePorts } from '../../src/server/ports.js';
import { resolvePorts } from '../../src/server/resolve-ports.js';
import { machineOf } from './machine.js';

interface Outcome {
  readonly bind?: readonly Record<string, number | string>[];
  readonly sockets?: readonly string[];
  readonly log?: readonly string[];
  readonly error?: string;
}

interface Vector extends Outcome {
  readonly options: PortSettings;
  readonly env?: Readonly<Record<string, number | string>>;
}

/** An error whose text goes on after these words. */
const beginsWith = (text: string) => expect.stringMatching(new RegExp(`^${text.replace(/[\\[\]().*+?^${}|]/g, '\\$&')}`)) as string;

const unixSocket = (path: string, proto: string): Outcome => ({
  bind: [{ host: '*', ipv: '*', port: path, proto }],
  sockets: [`*|${path}|${proto.toUpperCase()}|*`],
  log: [],
});

/** What netmux knowingly does otherwise: the option `port` of the vector, the number of the deviation, what is expected instead. */
const DEVIATIONS: readonly (readonly [port: string, deviation: string, expected: Outcome])[] = [
  ['70000', 'D21', { error: beginsWith('Could not determine port number from host [*]:70000'), log: [] }],
  ['127.0.0.1:70000', 'D21', { error: beginsWith('Could not determine port number from host [127.0.0.1]:70000'), log: [] }],
  ['/tmp/x.sock', 'D22', unixSocket('/tmp/x.sock', 'unix')],
  ['/tmp/x.sock|SOCK_DGRAM|unix', 'D22', unixSocket('/tmp/x.sock', 'unixdgram')],
  ['/tmp/a b.sock|unix', 'D32', { error: beginsWith('Insecure filename "/tmp/a b.sock"'), log: [] }],
  // The Perl name of the module is left out of the text, and the protocols that there are follow.
  ['127.0.0.1:20203/nosuchproto', 'D32', { error: beginsWith('Unable to load module for proto "nosuchproto"'), log: [] }],
  ['20203/MyTcp', 'D32', { error: beginsWith('Unable to load module for proto "MyTcp"') }],
  ['127.0.0.1:20203/ssl', 'D33', { error: beginsWith('option proto: there is no TLS yet'), log: [] }],
];

const vectors = JSON.parse(readFileSync(new URL('vectors-ports.json', import.meta.url), 'utf8')) as Vector[];

function deviationOf(vector: Vector) {
  if (Object.keys(vector.options).length !== 1) return undefined;
  return DEVIATIONS.find(([port]) => port === vector.options.port);
}

/** In the form of the vectors, where Perl's numbers and texts of digits are one. */
function asRecorded(spec: BindSpec): Record<string, string> {
  const { host, ipv, proto, socket } = spec;
  return { host, ipv, port: portText(spec), proto, ...(socket.backlog === undefined ? {} : { listen: String(socket.backlog) }) };
}

/** In ours: a datagram socket of UNIX is a protocol of its own. */
function expectedBind({ unix_type, ...record }: Record<string, number | string>): Record<string, string> {
  const texts = Object.fromEntries(Object.entries(record).map(([name, value]) => [name, String(value)]));
  return unix_type === 'sock_dgram' ? { ...texts, proto: 'unixdgram' } : texts;
}

async function outcomeOf({ options, env = {} }: Vector): Promise<Outcome> {
  const environment = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, String(value)]));
  const log: string[] = [];
  try {
    const specs = parsePorts({ port: DEFAULT_PORT, ...options }, environment);
    const sockets = await resolvePorts(specs, (level, text) => log.push(`${level} ${text}`), machineOf({ environment }));
    return { bind: sockets.map(asRecorded), log, sockets: sockets.map(socketKey) };
  } catch (error) {
    return { error: (error as Error).message, log };
  }
}

describe('port configurations of the original', () => {
  it('are all here, and every deviation belongs to one', () => {
    expect(vectors.length).toBeGreaterThanOrEqual(61);
    for (const [port] of DEVIATIONS)
      expect(vectors.filter((vector) => vector.options.port === port && deviationOf(vector))).toHaveLength(1);
  });

  it.each(vectors.map((vector) => [JSON.stringify({ ...vector.options, ...vector.env }), vector] as const))('%s', async (_name, vector) => {
    const expected: Outcome = { log: vector.log ?? [], ...(deviationOf(vector)?.[2] ?? vector) };
    const outcome = await outcomeOf(vector);
    expect(outcome.log).toEqual(expected.log);
    if (expected.error !== undefined) {
      const text = deviationOf(vector) === undefined ? expected.error.replace(/^FATAL: /, '') : expected.error;
      expect(outcome).toMatchObject({ error: text });
      expect(outcome.bind).toBeUndefined();
      return;
    }
    expect(outcome.bind).toEqual(expected.bind?.map(expectedBind));
    expect(outcome.sockets).toEqual(expected.sockets);
  });
});
