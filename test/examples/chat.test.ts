import { connect } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { describeEngines } from '../engines.js';
import { type Example, itWith, Program, startExample } from './programs.js';

const withNc = itWith('nc');

describeEngines('the chat example, talked to with nc', (engine) => {
  let chat: Example;

  beforeEach(async () => {
    chat = await startExample('chat', engine);
  });

  /** A person at an nc who has read the welcome. */
  async function caller(): Promise<Program> {
    const nc = new Program('nc', [chat.host, `${chat.port}`]);
    expect(await nc.line()).toBe('Welcome to netmux chat. Your nick?');
    return nc;
  }

  /** The same with a nick, and the number that is online with it. */
  async function member(nick: string, online: number): Promise<Program> {
    const nc = await caller();
    nc.write(`${nick}\n`);
    expect(await nc.line()).toBe(`* hello ${nick}, ${online} online`);
    return nc;
  }

  /** Two that have seen each other. */
  async function aliceAndBob(): Promise<[Program, Program]> {
    const alice = await member('alice', 1);
    const bob = await member('bob', 2);
    expect(await alice.line()).toBe('* bob joined');
    return [alice, bob];
  }

  describe('nicks', () => {
    withNc('the first line that is not empty is the nick; the others hear of it', async () => {
      const alice = await member('alice', 1);
      const bob = await caller();
      bob.write('\n\r\n\nbob\n');
      expect(await bob.line()).toBe('* hello bob, 2 online');
      expect(await alice.line()).toBe('* bob joined');
    });

    withNc('a bad nick is refused until there is a good one', async () => {
      const nc = await caller();
      for (const bad of ['two words', 'semi;colon', 'a'.repeat(21), 'zoë', '/quit', ' alice', 'alice ', ' ']) {
        nc.write(`${bad}\n`);
        expect(await nc.line()).toBe('* bad nick, try another');
      }
      nc.write(`${'A-z_09'.padEnd(20, 'x')}\n`);
      expect(await nc.line()).toBe(`* hello ${'A-z_09'.padEnd(20, 'x')}, 1 online`);
    });

    withNc('a nick that is taken is refused, and free again when its owner has left', async () => {
      const [alice, bob] = await aliceAndBob();
      const carol = await caller();
      carol.write('bob\n');
      expect(await carol.line()).toBe('* nick taken, try another');
      bob.write('/quit\n');
      expect(await alice.line()).toBe('* bob left');
      carol.write('bob\n');
      expect(await carol.line()).toBe('* hello bob, 2 online');
    });

    withNc('/nick changes it, under the same rules, and everyone hears of it', async () => {
      const [alice, bob] = await aliceAndBob();
      alice.write('/nick bob\n/nick not good\n/nick\n/nick alicia\n');
      expect(await alice.line()).toBe('* nick taken, try another');
      expect(await alice.line()).toBe('* bad nick, try another');
      expect(await alice.line()).toBe('* bad nick, try another');
      expect(await alice.line()).toBe('* alice is now alicia');
      expect(await bob.line()).toBe('* alice is now alicia');
      bob.write('/nick alice\n');
      expect(await alice.line()).toBe('* bob is now alice');
      alice.write('who was that?\n');
      expect(await bob.line()).toBe('* bob is now alice');
      expect(await bob.line()).toBe('alicia: who was that?');
    });
  });

  describe('talking', () => {
    withNc('a line reaches every other client that has a nick, and neither its sender nor the nameless', async () => {
      const [alice, bob] = await aliceAndBob();
      const nameless = await caller();
      const carol = await member('carol', 3);
      expect(await alice.line()).toBe('* carol joined');
      expect(await bob.line()).toBe('* carol joined');

      alice.write('hello there\n');
      expect(await bob.line()).toBe('alice: hello there');
      expect(await carol.line()).toBe('alice: hello there');
      bob.write('hi\n');
      expect(await alice.line()).toBe('bob: hi');
      nameless.write('dave\n');
      expect(await nameless.line()).toBe('* hello dave, 4 online');
    });

    withNc('lines may end with LF or CRLF, leave with LF, and are UTF-8', async () => {
      const [alice, bob] = await aliceAndBob();
      alice.write('grüße, 世界 🙂\r\nplain\n');
      expect(await bob.line()).toBe('alice: grüße, 世界 🙂');
      expect(await bob.line()).toBe('alice: plain');
    });

    withNc('a character that arrives in two pieces is one character', async () => {
      const [alice, bob] = await aliceAndBob();
      const bytes = Buffer.from('€uro\n');
      alice.write(bytes.subarray(0, 1));
      bob.write('/who\n'); // a round trip, in which the first piece arrives
      expect(await bob.line()).toBe('* online: alice, bob');
      alice.write(bytes.subarray(1));
      expect(await bob.line()).toBe('alice: €uro');
    });

    withNc('control characters do not reach the terminals of others, TAB excepted', async () => {
      const [alice, bob] = await aliceAndBob();
      alice.write('\x1b[2J\x1b]0;title\x07red\x9b31m\rover\x00\x7f\ttab\n\u009b31m\u0085é\n\x1b\x07\nend\n');
      expect(await bob.line()).toBe('alice: [2J]0;titlered31mover\ttab');
      expect(await bob.line()).toBe('alice: 31mé');
      expect(await bob.line()).toBe('alice: end'); // a line of nothing else is no line
      alice.write('/nick \x1b[31m\n/da\x1b[2Jnce\n');
      expect(await alice.line()).toBe('* bad nick, try another');
      expect(await alice.line()).toBe('* unknown command /da[2Jnce');
    });

    withNc('many lines at once keep their order', async () => {
      const [alice, bob] = await aliceAndBob();
      const numbers = Array.from({ length: 500 }, (_, i) => `line ${i}`);
      alice.write(`${numbers.join('\n')}\n`);
      for (const number of numbers) expect(await bob.line()).toBe(`alice: ${number}`);
    });
  });

  describe('commands', () => {
    withNc('/who names everyone in the order of joining, whatever they are called by now', async () => {
      const [alice, bob] = await aliceAndBob();
      alice.write('/nick zoe\n/who\n');
      expect(await alice.line()).toBe('* alice is now zoe');
      expect(await alice.line()).toBe('* online: zoe, bob');
      expect(await bob.line()).toBe('* alice is now zoe');
    });

    withNc('/quit says bye, closes, and the others hear of it once', async () => {
      const [alice, bob] = await aliceAndBob();
      bob.write('/quit\nthis is not heard any more\n');
      expect(await bob.line()).toBe('* bye');
      expect((await bob.hungUp()).stdout).toMatch(/\* bye\n$/);
      expect(await alice.line()).toBe('* bob left');
      alice.write('/who\n');
      expect(await alice.line()).toBe('* online: alice');
    });

    withNc('an unknown command is named and goes no further', async () => {
      const [alice, bob] = await aliceAndBob();
      alice.write('/dance with bob\n/\n/WHO\n');
      expect(await alice.line()).toBe('* unknown command /dance');
      expect(await alice.line()).toBe('* unknown command /');
      expect(await alice.line()).toBe('* unknown command /WHO');
      bob.write('/who\n');
      expect(await bob.line()).toBe('* online: alice, bob');
    });
  });

  describe('leaving', () => {
    withNc('who hangs up in the middle of a line has left, and the piece is not heard', async () => {
      const alice = await member('alice', 1);
      connect(chat.port, chat.host).end('bob\nhalf a li').resume();
      expect(await alice.line()).toBe('* bob joined');
      expect(await alice.line()).toBe('* bob left');
      alice.write('/who\n');
      expect(await alice.line()).toBe('* online: alice');
    });

    withNc('who never had a nick leaves in silence', async () => {
      const [alice, bob] = await aliceAndBob();
      const nameless = await caller();
      nameless.kill('SIGKILL');
      await nameless.ended;
      bob.write('still here\n');
      expect(await alice.line()).toBe('bob: still here');
    });

    it('a reset is leaving, too', async () => {
      const rude = connect(chat.port, chat.host);
      rude.write('rude\n');
      await new Promise((resolve) => rude.once('data', resolve));
      const listener = connect(chat.port, chat.host).setEncoding('utf8');
      listener.write('listener\n');
      const heard: string[] = [];
      const left = new Promise<void>((resolve) => {
        listener.on('data', (text: string) => {
          heard.push(text);
          if (heard.join('').includes('* hello listener')) rude.resetAndDestroy();
          if (heard.join('').includes('* rude left\n')) resolve();
        });
      });
      await left;
      listener.destroy();
    });

    withNc('a line of 4,096 bytes is heard; one byte more ends the conversation', async () => {
      const [alice, bob] = await aliceAndBob();
      const longest = 'x'.repeat(4096);
      bob.write(`${longest}\r\n`);
      expect(await alice.line()).toBe(`bob: ${longest}`);
      bob.write(`before\n${longest}y\nafter\n`);
      expect(await alice.line()).toBe('bob: before');
      expect(await alice.line()).toBe('* bob left');
      expect(await bob.line()).toBe('* line too long');
      await bob.hungUp();
    });

    withNc('a line that gets too long without an end ends the conversation as well', async () => {
      const nc = await caller();
      nc.write('é'.repeat(2049)); // 2,049 characters, 4,098 bytes
      expect(await nc.line()).toBe('* line too long');
      await nc.hungUp();
    });
  });
});

describeEngines('the chat example with --idle', (engine) => {
  withNc('who says nothing is sent away, with a nick or without', async () => {
    const { host, port } = await startExample('chat', engine, '--idle=0.4');
    const started = Date.now();
    const nameless = new Program('nc', [host, `${port}`]);
    const alice = new Program('nc', [host, `${port}`]);
    alice.write('alice\n');
    expect(await nameless.line()).toBe('Welcome to netmux chat. Your nick?');
    expect(await nameless.line()).toBe('* idle, goodbye');
    expect(Date.now() - started).toBeGreaterThanOrEqual(400);
    expect(await alice.line()).toBe('Welcome to netmux chat. Your nick?');
    expect(await alice.line()).toBe('* hello alice, 1 online');
    expect(await alice.line()).toBe('* idle, goodbye');
    await Promise.all([nameless.hungUp(), alice.hungUp()]);
  });

  withNc('every input moves the time, also a piece of a line; hearing others does not', async () => {
    const { host, port } = await startExample('chat', engine, '--idle=2');
    const talker = new Program('nc', [host, `${port}`]);
    talker.write('talker\n');
    await talker.line();
    await talker.line();
    const silent = new Program('nc', [host, `${port}`]);
    silent.write('silent\n');
    expect(await talker.line()).toBe('* silent joined');
    let keys = 0;
    const typing = setInterval(() => {
      keys += 1;
      talker.write(keys % 4 === 0 ? '\n' : '.');
    }, 200);
    try {
      expect(await talker.line()).toBe('* silent left');
    } finally {
      clearInterval(typing);
    }
    talker.write('\n/who\n');
    expect(await talker.line()).toBe('* online: talker');
    const heard = (await silent.hungUp()).stdout;
    expect(heard).toMatch(/^Welcome to netmux chat. Your nick\?\n\* hello silent, 2 online\n(talker: \.\.\.\n)+\* idle, goodbye\n$/);
  });
});
