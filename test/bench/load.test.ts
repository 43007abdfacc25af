/**
 * The load generator must notice every way in which a server can be wrong: a figure is worth what its check is worth.
 * Each server below is right but for one thing.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { buildBinaries } from '../../bench/toolchain.js';

const built = buildBinaries();
const here = typeof built === 'string' ? test.skip : test;
const program = typeof built === 'string' ? '' : built.load;

interface Faults {
  wrongBytes: number;
  extraBytes: number;
  missing: number;
  lost: number;
}

type Result = Faults & { stage: string; error?: string; messages: number; bytes: number; latencyUs: Record<string, number> };

const NO_FAULTS: Faults = { wrongBytes: 0, extraBytes: 0, missing: 0, lost: 0 };

/** A server for one run of the generator; `answer` gets each chunk and how many came before on this connection. */
async function run(answer: (socket: Socket, data: Buffer, count: number) => void, ...args: string[]): Promise<Result[]> {
  const server = createServer({ noDelay: true }, (socket) => {
    let count = 0;
    socket.on('data', (data) => answer(socket, data, count++));
    socket.on('error', () => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const options = ['--warmup-ms=20', '--duration-ms=100', '--stall-ms=500', '--connections=4'];
  const generator = spawn(program, [`--port=${port}`, ...options, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  // An answer to every stage in advance: nobody looks at the server between them.
  generator.stdin.end('\n\n\n');
  let output = '';
  generator.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await once(generator, 'close');
  server.close();
  return output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Result);
}

/** Every connection has at least three exchanges: when it is opened, while the load warms up, and in the measurement. */
const LAST_CERTAIN = 2;

const echo = (socket: Socket, data: Buffer): void => {
  socket.write(data);
};

here('a server that sends back everything has no faults, and its messages and bytes are counted', async () => {
  const stages = await run(echo, '--size=64');
  const result = stages.at(-1)!;
  expect(stages.map(({ stage }) => stage)).toEqual(['warm', 'done']);
  expect(result).toMatchObject(NO_FAULTS);
  expect(result.messages).toBeGreaterThan(0);
  expect(result.bytes).toBe(result.messages * 64);
  expect(result.latencyUs.p50).toBeGreaterThan(0);
  expect(result.latencyUs.p99).toBeGreaterThanOrEqual(result.latencyUs.p50!);
  expect(result.latencyUs.max).toBeGreaterThanOrEqual(result.latencyUs.p999!);
});

here('latency counts from the sending of a message to its last byte', async () => {
  const delayMs = 30;
  const result = (
    await run((socket, data) => {
      socket.write(data.subarray(0, 10));
      setTimeout(() => socket.write(data.subarray(10)), delayMs);
    })
  ).at(-1)!;
  expect(result).toMatchObject(NO_FAULTS);
  // One for Node's timers, which may be up to a millisecond early by another clock.
  expect(result.latencyUs.p50).toBeGreaterThanOrEqual((delayMs - 1) * 1000);
  expect(result.latencyUs.p50).toBeLessThan(1_000_000);
});

here('long messages arrive whole although neither side takes them at once', async () => {
  const result = (await run(echo, '--size=1000000', '--in-flight=3')).at(-1)!;
  expect(result).toMatchObject(NO_FAULTS);
  expect(result.bytes).toBe(result.messages * 1_000_000);
});

here('a changed byte is a wrong byte', async () => {
  const result = (
    await run((socket, data, count) => {
      if (count === LAST_CERTAIN) data[10]! ^= 1;
      socket.write(data);
    })
  ).at(-1)!;
  expect(result).toMatchObject({ ...NO_FAULTS, wrongBytes: 4 });
});

here('an answer that another connection should have got is wrong', async () => {
  let kept: { socket: Socket; data: Buffer } | undefined;
  const result = (
    await run((socket, data, count) => {
      if (count !== 0) {
        socket.write(data);
      } else if (kept === undefined) {
        kept = { socket, data };
      } else {
        kept.socket.write(data);
        socket.write(kept.data);
        kept = undefined;
      }
    })
  ).at(-1)!;
  expect(result.wrongBytes).toBeGreaterThan(100);
  expect(result).toMatchObject({ extraBytes: 0, missing: 0, lost: 0 });
});

here('an answer sent twice is surplus', async () => {
  const result = (
    await run((socket, data, count) => {
      socket.write(count === 0 ? Buffer.concat([data, data]) : data);
    })
  ).at(-1)!;
  expect(result).toMatchObject({ ...NO_FAULTS, extraBytes: 4 * 64 });
});

here('a message that is not answered is missing', async () => {
  const result = (
    await run((socket, data, count) => {
      if (count !== LAST_CERTAIN) socket.write(data);
    })
  ).at(-1)!;
  expect(result).toMatchObject({ ...NO_FAULTS, missing: 4 });
});

here('a connection that the server closes is lost, and its message missing', async () => {
  const result = (
    await run((socket, data, count) => {
      if (count === LAST_CERTAIN) socket.destroy();
      else socket.write(data);
    })
  ).at(-1)!;
  expect(result).toMatchObject({ ...NO_FAULTS, missing: 4, lost: 4 });
});

here('a server that closes a connection at once stops the run', async () => {
  const stages = await run((socket) => socket.destroy());
  expect(stages).toHaveLength(1);
  expect(stages[0]).toMatchObject({ stage: 'failed', error: expect.stringContaining('closed by the server') });
});

here('idle connections are held, and asked once more at the end', async () => {
  const stages = await run(echo, '--mode=idle', '--framing=lines', '--connections=300', '--baseline=20');
  expect(stages.map(({ stage }) => stage)).toEqual(['baseline', 'held', 'done']);
  expect(stages.at(-1)).toMatchObject({ ...NO_FAULTS, messages: 300 });
});

here('in an open loop, latency counts from the planned time, also of what could not be sent', async () => {
  const delayMs = 60;
  let stopped = false;
  const stages = await run(
    (socket, data, count) => {
      // Everybody waits while this stands still: what is planned meanwhile is late by the rest of the pause.
      if (count === LAST_CERTAIN && !stopped) {
        stopped = true;
        const end = Date.now() + delayMs;
        while (Date.now() < end);
      }
      socket.write(data);
    },
    '--mode=open',
    '--per-second=400',
    '--warmup-ms=0',
    '--duration-ms=300',
  );
  const result = stages.at(-1)!;
  expect(stages.map(({ stage }) => stage)).toEqual(['warm', 'done']);
  expect(result).toMatchObject(NO_FAULTS);
  expect(result.messages).toBeGreaterThanOrEqual(119);
  expect(result.messages).toBeLessThanOrEqual(121);
  // In 60 of 300 ms every message is late, by 30 ms in the mean: one in ten by more than that.
  expect(result.latencyUs.p90).toBeGreaterThanOrEqual((delayMs / 2 - 5) * 1000);
});

here('a warm-up lasts until its messages were answered', async () => {
  let answered = 0;
  const stages = await run(
    (socket, data) => {
      answered += 1;
      setTimeout(() => socket.write(data), 10); // so that four connections have at most 12 answers in 20 ms
    },
    '--warmup-ms=20',
    '--warmup-messages=20',
    '--duration-ms=1',
  );
  const result = stages.at(-1)!;
  expect(result).toMatchObject(NO_FAULTS);
  expect(answered - result.messages).toBeGreaterThanOrEqual(20);
});

here('a warm-up that does not come to its messages ends all the same', async () => {
  const stages = await run((socket, data) => socket.write(data), '--warmup-ms=5', '--warmup-messages=100000000');
  expect(stages.map(({ stage }) => stage)).toEqual(['warm', 'done']);
});

here('churn makes a new connection for each message', async () => {
  const seen = new Set<Socket>();
  const result = (
    await run((socket, data) => {
      seen.add(socket);
      socket.write(data);
    }, '--mode=churn')
  ).at(-1)!;
  expect(result).toMatchObject(NO_FAULTS);
  expect(result.messages).toBeGreaterThan(4);
  expect(seen.size).toBeGreaterThan(result.messages);
});

here('an answer meant for an earlier connection does not pass for that of a later one', async () => {
  let first: Buffer | undefined;
  let connections = 0;
  const result = (
    await run((socket, data) => {
      first ??= Buffer.from(data);
      socket.write(++connections > 8 ? first : data);
    }, '--mode=churn')
  ).at(-1)!;
  expect(result.wrongBytes).toBeGreaterThan(0);
});

/** Sends a line that begins with a blank to everybody; `skip` says who does not get it. */
function broadcaster(skip: (index: number) => boolean): (socket: Socket, data: Buffer) => void {
  const sockets: Socket[] = [];
  return (socket, data) => {
    if (!sockets.includes(socket)) sockets.push(socket);
    if (data[0] !== 0x20) socket.write(data);
    else for (const [index, receiver] of sockets.entries()) if (!skip(index)) receiver.write(data);
  };
}

const BROADCAST = ['--mode=broadcast', '--framing=lines', '--size=32'];

here('a broadcast counts each delivery', async () => {
  const result = (
    await run(
      broadcaster(() => false),
      ...BROADCAST,
    )
  ).at(-1)!;
  expect(result).toMatchObject(NO_FAULTS);
  expect(result.messages % 4).toBe(0);
  expect(result.messages).toBeGreaterThan(0);
  expect(result.bytes).toBe(result.messages * 32);
});

here('a listener that a broadcast leaves out misses a message', async () => {
  const result = (
    await run(
      broadcaster((index) => index === 3),
      ...BROADCAST,
      '--warmup-ms=0',
    )
  ).at(-1)!;
  expect(result).toMatchObject({ ...NO_FAULTS, missing: 1 });
});

here('a further stage follows the measurement when it is asked for', async () => {
  const stages = await run(echo, '--count-ms=50');
  expect(stages.map(({ stage }) => stage)).toEqual(['warm', 'done', 'counted']);
  expect(stages.at(-1)!.messages).toBeGreaterThan(0);
});

here('lines end with a line feed and have no other', async () => {
  const chunks: Buffer[] = [];
  const result = (
    await run(
      (socket, data) => {
        chunks.push(Buffer.from(data));
        socket.write(data);
      },
      '--framing=lines',
      '--size=32',
      '--in-flight=16',
      '--connections=1',
    )
  ).at(-1)!;
  expect(result).toMatchObject(NO_FAULTS);
  const lines = Buffer.concat(chunks).toString('latin1').split('\n');
  expect(lines.pop()).toBe('');
  expect(lines.every((line) => /^[!-~]{31}$/.test(line))).toBe(true);
});

here('the Redis protocol asks with PING and wants PONG', async () => {
  const requests = new Set<string>();
  const result = (
    await run((socket, data) => {
      requests.add(data.toString('latin1'));
      socket.write('+PONG\r\n');
    }, '--framing=ping')
  ).at(-1)!;
  expect([...requests]).toEqual(['*1\r\n$4\r\nPING\r\n']);
  expect(result).toMatchObject(NO_FAULTS);
});
