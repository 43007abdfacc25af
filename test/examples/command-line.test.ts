import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import { describeEngines } from '../engines.js';
import { Program, ROOT, ready, run, startExample } from './programs.js';

const NAMES = ['echo', 'chat', 'resp', 'http-hello', 'udp-echo'];

const hasIPv6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === '::1'));

/** `npm run example -- …` without npm. */
function example(...args: string[]) {
  return run(process.execPath, ['out/examples/run.js', ...args]);
}

describe('the command line of the examples', () => {
  it.each([
    ['an unknown name', ['nonsense'], "no example of the name 'nonsense'"],
    ['a name that every object has', ['toString'], "no example of the name 'toString'"],
    ['no name', [], 'which example?'],
    ['an unknown option', ['echo', '--colour=red'], "Unknown option '--colour'"],
    ['the option of another example', ['echo', '--idle=5'], "Unknown option '--idle'"],
    ['a word too many', ['echo', 'chat'], "Unexpected argument 'chat'"],
    ['an option without its value', ['echo', '--port'], "Option '--port <value>' argument missing"],
  ])('%s: the list of names, status 2', async (_what, args, complaint) => {
    const { code, stdout, stderr } = await example(...args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr.split('\n')[0]).toContain(complaint);
    for (const name of NAMES) expect(stderr).toMatch(new RegExp(`^  ${name} `, 'm'));
    for (const option of ['--port', '--host', '--engine']) expect(stderr).toContain(option);
  });

  it.each(['--port=65536', '--port=-1', '--port=1.5', '--port=http', '--port='])('%s: the range of ports, status 2', async (option) => {
    const { code, stdout, stderr } = await example('echo', option);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr.split('\n')[0]).toBe(`${option}: has to be a whole number from 0 to 65535`);
  });

  it.each(['--idle=0', '--idle=-1', '--idle=soon'])('the chat, which is a server, refuses %s as servers do', async (option) => {
    const { code, stdout, stderr } = await example('chat', '--port=0', option);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^--idle: must be a number from 0\.001 to 1000000 \(seconds\), not .+\n$/);
  });

  it.each([
    ['--engine=warp', '--engine=warp: neither native nor node'],
    ['--host=', "--host='': has to be a name or an address"],
    ['--host=[]', "--host='[]': has to be a name or an address"],
  ])('%s is refused before anything is done', async (option, complaint) => {
    const { code, stdout, stderr } = await example('echo', option);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr.split('\n')[0]).toBe(complaint);
  });

  it.each([[['--help']], [['echo', '--help']], [['chat', '--idle=5', '--help']]])('%j: how an example is run, status 0', async (args) => {
    const { code, stdout, stderr } = await example(...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^usage: npm run example -- NAME /);
    for (const name of NAMES) expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
  });

  it('an engine that does not exist has nothing to do with listening', async () => {
    const program = new Program(process.execPath, ['out/examples/run.js', 'echo', '--port=0'], {
      env: { ...process.env, NETMUX_ENGINE: 'bogus' },
    });
    const { code, stdout, stderr } = await program.ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe("NETMUX_ENGINE is 'native', 'node' or 'auto', not 'bogus'\n");
  });

  it('an example can be started by itself, too', async () => {
    const { code, stderr } = await run(process.execPath, ['out/examples/echo.js', '--nonsense']);
    expect(code).toBe(2);
    expect(stderr.split('\n')[0]).toContain("Unknown option '--nonsense'");
  });
});

describeEngines('an example that cannot listen', (engine) => {
  it.each(NAMES.filter((name) => name !== 'udp-echo' && name !== 'chat'))(
    '%s: one line says that the port is in use, status 1',
    async (name) => {
      const occupant = createServer().listen(0, '127.0.0.1');
      await once(occupant, 'listening');
      try {
        const { port } = occupant.address() as { port: number };
        const { code, stdout, stderr } = await example(name, `--port=${port}`, `--engine=${engine}`);
        expect(stderr).toBe(`cannot listen on 127.0.0.1:${port}: address already in use (EADDRINUSE)\n`);
        expect(stdout).toBe('');
        expect(code).toBe(1);
      } finally {
        occupant.close();
      }
    },
  );

  it('chat: a line of its log says that the port is in use, status 1', async () => {
    const occupant = createServer().listen(0, '127.0.0.1');
    await once(occupant, 'listening');
    try {
      const { port } = occupant.address() as { port: number };
      const { code, stdout, stderr } = await example('chat', `--port=${port}`, `--engine=${engine}`);
      expect(stderr).toContain(` Can't connect to TCP port ${port} on 127.0.0.1 [Address already in use]\n`);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    } finally {
      occupant.close();
    }
  });

  it.each(['echo', 'udp-echo'])('%s: a host that is not of this machine', async (name) => {
    const { code, stdout, stderr } = await example(name, '--host=192.0.2.1', '--port=0', `--engine=${engine}`);
    expect(stderr).toBe('cannot listen on 192.0.2.1:0: address not available (EADDRNOTAVAIL)\n');
    expect(stdout).toBe('');
    expect(code).toBe(1);
  });

  it('a host that cannot be resolved', async () => {
    const { code, stdout, stderr } = await example('echo', '--host=no such host', '--port=0', `--engine=${engine}`);
    expect(stderr).toMatch(/^cannot listen on no such host:0: .+\n$/);
    expect(stdout).toBe('');
    expect(code).toBe(1);
  });
});

describeEngines('the ready line', (engine) => {
  it('names the host as it was given, the bound port and the engine; the next line says what to type', async () => {
    const echo = await startExample('echo', engine, '--host=localhost');
    expect(echo.host).toBe('localhost');
    expect(echo.port).toBeGreaterThan(0);
    expect(await echo.program.line()).toContain(`nc localhost ${echo.port}`);
  });

  it.skipIf(!hasIPv6)('writes an IPv6 address as clients want it, whether it was given in brackets or without', async () => {
    for (const given of ['::1', '[::1]']) {
      const hello = await startExample('http-hello', engine, `--host=${given}`);
      expect(hello.host).toBe('[::1]');
      expect(await hello.program.line()).toBe(`talk to it with: curl http://[::1]:${hello.port}/`);
      const chat = await startExample('chat', engine, `--host=${given}`);
      expect(await chat.program.line()).toContain(`nc ::1 ${chat.port}`);
    }
  });

  it('NETMUX_ENGINE chooses where --engine does not', async () => {
    const program = new Program(process.execPath, ['out/examples/run.js', 'echo', '--port=0'], {
      env: { ...process.env, NETMUX_ENGINE: engine },
    });
    await ready(program, engine);
  });
});

/** Connects and says nothing. */
async function idleClient(port: number) {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.on('error', () => {}); // a reset is an end, too
  await once(socket, 'connect');
  socket.resume();
  return socket;
}

/** Ends a program by a signal; how it ended, and after how many milliseconds. */
async function endBy(program: Program, signal: NodeJS.Signals) {
  const sent = performance.now();
  program.kill(signal);
  const { code, signal: killedBy } = await program.ended;
  return { code, killedBy, within: performance.now() - sent };
}

const SECOND = 1000;

describeEngines('an example ends by a signal', (engine) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it.each(NAMES)(`%s: status 0 within a second of ${signal}, with idle clients connected`, async (name) => {
      const { program, port } = await startExample(name, engine);
      const clients = name === 'udp-echo' ? [] : await Promise.all([idleClient(port), idleClient(port), idleClient(port)]);
      const { code, killedBy, within } = await endBy(program, signal);
      expect({ code, killedBy }).toEqual({ code: 0, killedBy: null });
      expect(within).toBeLessThan(SECOND);
      for (const client of clients) client.destroy();
    });
  }

  it('also with clients that have a nick, and with one that never reads', async () => {
    const { program, port } = await startExample('chat', engine);
    const deaf = connect(port, '127.0.0.1').on('error', () => {});
    deaf.write('deaf\n');
    deaf.pause();
    const talker = connect(port, '127.0.0.1').on('error', () => {});
    talker.write(`talker\n${`${'x'.repeat(4000)}\n`.repeat(200)}/who\n`);
    let heard = '';
    await new Promise<void>((resolve) => {
      talker.on('data', (chunk) => {
        heard += chunk;
        if (heard.includes('* online: deaf, talker')) resolve();
      });
    });
    const { code, within } = await endBy(program, 'SIGTERM');
    expect(code).toBe(0);
    expect(within).toBeLessThan(SECOND);
    deaf.destroy();
    talker.destroy();
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it.each([
      ['npm start', ['start', '--']],
      ['npm run example', ['run', 'example', '--', 'echo']],
    ])(`%s: status 0 within a second of a ${signal} to npm itself`, async (_what, args) => {
      const npm = new Program('npm', ['--silent', ...args, '--port=0', `--engine=${engine}`], { cwd: ROOT });
      const { port } = await ready(npm, engine);
      const client = await idleClient(port);
      const { code, killedBy, within } = await endBy(npm, signal);
      expect({ code, killedBy }).toEqual({ code: 0, killedBy: null });
      expect(within).toBeLessThan(SECOND);
      client.destroy();
    });
  }

  it('npm passes status 2 on', async () => {
    const { code, stderr } = await run('npm', ['--silent', 'run', 'example', '--', 'nonsense', `--engine=${engine}`]);
    expect(code).toBe(2);
    expect(stderr).toContain('usage: npm run example -- NAME');
  });
});
