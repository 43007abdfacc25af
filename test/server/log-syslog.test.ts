/** Syslog: what is sent, to whom, and what happens when the daemon is slow, absent or started anew. */
import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type SyslogHeader, syslogMessage } from '../../src/server/log/syslog-message.js';
import { engines } from '../engines.js';
import { eventually, temporaryDirectory } from '../mux/scene.js';
import { DatagramReceiver } from './datagram-receiver.js';
import { openLog } from './log-scene.js';

const hasAddon = engines.includes('native');
const hasRsyslog = spawnSync('rsyslogd', ['-v']).status === 0;

const TIME = '[A-Z][a-z]{2} [ 1-3]\\d \\d\\d:\\d\\d:\\d\\d';

describe('a syslog message', () => {
  const header: SyslogHeader = { format: 'rfc3164', facility: 'daemon', ident: 'chat', pid: 42, hostname: 'host.example.org' };
  const date = new Date(2026, 2, 4, 7, 5, 9, 78);
  const text = (changes: Partial<SyslogHeader>, level: number, line: string) =>
    syslogMessage({ ...header, ...changes }, level, line, date).toString();

  it('has the form of RFC 3164, with the host only where it leaves it', () => {
    expect(text({}, 2, 'hello')).toBe('<29>Mar  4 07:05:09 host chat[42]: hello');
    expect(text({ hostname: undefined }, 2, 'hello')).toBe('<29>Mar  4 07:05:09 chat[42]: hello');
    expect(text({ hostname: undefined, pid: undefined }, 2, 'hello')).toBe('<29>Mar  4 07:05:09 chat: hello');
  });

  it('has the form of RFC 5424', () => {
    const time = date.toISOString();
    expect(text({ format: 'rfc5424' }, 0, 'hello')).toBe(`<27>1 ${time} host.example.org chat 42 - - hello`);
    expect(text({ format: 'rfc5424', hostname: undefined, pid: undefined }, 0, 'hello')).toBe(`<27>1 ${time} - chat - - - hello`);
  });

  it.each([
    ['kern', 0, 3],
    ['daemon', 1, 28],
    ['daemon', 4, 31],
    ['local0', 3, 134],
    ['local7', 2, 189],
  ])('of %s at level %i has priority %i', (facility, level, priority) => {
    expect(text({ facility }, level, '')).toMatch(new RegExp(`^<${priority}>`));
  });

  it('has a program name that does not end early', () => {
    expect(text({ ident: 'my chat: [1]' }, 2, 'x')).toContain(' my_chat___1_[42]: x');
    expect(text({ ident: 'é\nx', format: 'rfc5424' }, 2, 'x')).toContain(' %E9%0Ax 42 ');
    expect(text({ ident: 'n'.repeat(100), format: 'rfc5424' }, 2, 'x')).toContain(` ${'n'.repeat(48)} 42 `);
  });

  it('is cut to what receivers have to take', () => {
    const long = 'x'.repeat(10_000);
    expect(text({}, 2, long)).toHaveLength(1024);
    expect(text({ format: 'rfc5424' }, 2, long)).toHaveLength(2048);
    expect(text({ hostname: undefined }, 2, long)).toHaveLength(8192);
  });
});

describe.skipIf(!hasAddon)('the local daemon', () => {
  it('gets each line as a datagram, escaped', async () => {
    const syslog_path = join(temporaryDirectory(), 'log');
    const daemon = await DatagramReceiver.open(syslog_path);
    const { log, failures } = await openLog({ log_file: 'Sys::Syslog', syslog_path, syslog_ident: 'chat', syslog_facility: 'local3' });
    log.write(2, 'hello\tworld\nsecond line\n');
    log.write(0, 'fatal');
    const messages = await daemon.until(3);
    const tag = `${TIME} chat\\[${process.pid}\\]: `;
    expect(messages[0]).toMatch(new RegExp(`^<157>${tag}hello%09world$`));
    expect(messages[1]).toMatch(new RegExp(`^<157>${tag}second line$`));
    expect(messages[2]).toMatch(new RegExp(`^<155>${tag}fatal$`));
    expect(failures).toEqual([]);
  });

  it.each([
    ['text', 'a%0Ab'],
    ['json', '\\{"time":".*","level":2,"severity":"notice","pid":\\d+,"message":"a\\\\nb"\\}'],
  ] as const)('gets a message of format %s in one piece, without a second time stamp', async (log_format, body) => {
    const syslog_path = join(temporaryDirectory(), 'log');
    const daemon = await DatagramReceiver.open(syslog_path);
    const { log } = await openLog({ log_file: 'Sys::Syslog', log_format, syslog_path, syslog_logopt: '' });
    log.write(2, '2026/03/04-12:05:09 a\nb');
    expect((await daemon.until(1))[0]).toMatch(new RegExp(`^<29>${TIME} net_server: ${body}$`));
  });

  it('that reads nothing for a while holds up nobody and gets all in the end, in order', async () => {
    const syslog_path = join(temporaryDirectory(), 'log');
    const daemon = await DatagramReceiver.open(syslog_path);
    daemon.pause();
    const { log, failures } = await openLog({ log_file: 'Sys::Syslog', syslog_path });
    const count = 900;
    for (let i = 0; i < count; i += 1) log.write(2, `line ${i}`);
    daemon.resume();
    const messages = await daemon.until(count);
    expect(messages.map((message) => Number(message.split(' ').at(-1)))).toEqual(Array.from({ length: count }, (_, index) => index));
    expect(failures).toEqual([]);
  });

  it('that reads nothing at all costs lines, not memory', async () => {
    const syslog_path = join(temporaryDirectory(), 'log');
    const daemon = await DatagramReceiver.open(syslog_path);
    daemon.pause();
    const { log, failures } = await openLog({ log_file: 'Sys::Syslog', syslog_path });
    for (let i = 0; i < 5000; i += 1) log.write(2, `line ${i}`);
    expect(failures).toMatchObject([{ origin: 'output', error: { message: expect.stringContaining('has not taken anything for 1024') } }]);
  });

  it('that is started anew is found again', async () => {
    const syslog_path = join(temporaryDirectory(), 'log');
    const first = await DatagramReceiver.open(syslog_path);
    const { log, failures } = await openLog({ log_file: 'Sys::Syslog', syslog_path });
    log.write(2, 'one');
    await first.until(1);
    await first.close();
    log.write(2, 'lost');
    log.write(2, 'lost too');
    expect(failures).toMatchObject([{ origin: 'output', text: 'lost', error: { code: 'ENOENT' } }]);
    const second = await DatagramReceiver.open(syslog_path);
    log.write(2, 'two');
    const texts = (await second.until(2)).map((message) => message.slice(message.indexOf(': ') + 2));
    expect(texts).toEqual(['2 log messages were lost before this one', 'two']);
  });

  it('may come later with nofatal, and must be there without', async () => {
    const syslog_path = join(temporaryDirectory(), 'log');
    await expect(openLog({ log_file: 'Sys::Syslog', syslog_path, syslog_logopt: 'pid' })).rejects.toMatchObject({
      code: 'ENOENT',
      message: expect.stringMatching(/^option log_file: syslog: .*log/),
    });
    const { log, failures } = await openLog({ log_file: 'Sys::Syslog', syslog_path, syslog_logopt: 'pid,nofatal' });
    log.write(2, 'too early');
    expect(failures).toMatchObject([{ origin: 'output', text: 'too early' }]);
    const daemon = await DatagramReceiver.open(syslog_path);
    log.write(2, 'now');
    expect((await daemon.until(2))[1]).toMatch(/: now$/);
  });

  it('that goes away is told as syslog without nofatal', async () => {
    const syslog_path = join(temporaryDirectory(), 'log');
    const daemon = await DatagramReceiver.open(syslog_path);
    const { log, failures } = await openLog({ log_file: 'Sys::Syslog', syslog_path, syslog_logopt: 'pid' });
    await daemon.close();
    log.write(1, 'x');
    expect(failures).toMatchObject([{ origin: 'syslog', level: 1, text: 'x' }]);
  });
});

describe.skipIf(!hasAddon)('a daemon over UDP', () => {
  it('gets datagrams of RFC 5424 with the name of this machine', async () => {
    const daemon = await DatagramReceiver.open();
    const { log } = await openLog({
      log_file: 'Sys::Syslog',
      syslog_host: 'localhost',
      syslog_port: daemon.port,
      syslog_format: 'rfc5424',
    });
    log.write(3, 'hello');
    const [message] = await daemon.until(1);
    expect(message).toMatch(/^<30>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \S+ net_server \d+ - - hello$/);
    expect(message!.split(' ')[2]).toBe(hostname());
  });

  it('of which nobody listens loses messages without ending anything', async () => {
    const { log, failures } = await openLog({ log_file: 'Sys::Syslog', syslog_logsock: 'udp', syslog_port: await freePort() });
    for (let i = 0; i < 10; i += 1) log.write(2, 'x');
    expect(failures).toEqual([]);
  });

  it('whose host has no address is an error at the start', async () => {
    await expect(openLog({ log_file: 'Sys::Syslog', syslog_host: 'no-such-host.invalid' })).rejects.toThrow(/^option log_file: syslog: /);
  });
});

describe.skipIf(!hasAddon || !hasRsyslog)('rsyslogd', () => {
  it.each([
    ['its socket', 'rfc3164', false],
    ['its socket', 'rfc5424', false],
    ['UDP', 'rfc3164', true],
    ['UDP', 'rfc5424', true],
  ] as const)('behind %s understands what we send as %s', async (_way, syslog_format, overUdp) => {
    const directory = temporaryDirectory();
    const syslog_path = join(directory, 'log');
    const syslog_port = await freePort();
    const output = join(directory, 'out');
    writeFileSync(
      join(directory, 'conf'),
      [
        'module(load="imuxsock" SysSock.Use="off")',
        // Its parser for local messages, which is quicker, knows RFC 3164 only.
        `input(type="imuxsock" Socket="${syslog_path}" UseSpecialParser="${syslog_format === 'rfc3164' ? 'on' : 'off'}")`,
        'module(load="imudp")',
        `input(type="imudp" address="127.0.0.1" port="${syslog_port}")`,
        'template(name="t" type="string" string="%syslogfacility-text%.%syslogseverity-text% %app-name% %procid% [%msg:::drop-last-lf%]\\n")',
        `action(type="omfile" file="${output}" template="t")`,
      ].join('\n'),
    );
    const daemon = spawn('rsyslogd', ['-n', '-f', join(directory, 'conf'), '-i', join(directory, 'pid')], { stdio: 'ignore' });
    onTestFinished(() => void daemon.kill('SIGKILL'));
    await eventually('rsyslogd listens', () => existsSync(syslog_path));
    const { log, failures } = await openLog({
      log_file: 'Sys::Syslog',
      syslog_path,
      syslog_port,
      ...(overUdp ? { syslog_host: '127.0.0.1' } : {}),
      syslog_format,
      syslog_ident: 'chat',
      syslog_facility: 'local5',
    });
    const lines = () => (existsSync(output) ? readFileSync(output, 'utf8').split('\n') : []).filter((line) => line.includes('our line'));
    log.write(1, 'our line: a%n\tb');
    await eventually('our line', () => lines().length > 0);
    expect(lines()[0]).toMatch(new RegExp(`^local5\\.warning chat ${process.pid} \\[ ?our line: a%n%09b\\]$`));
    expect(failures).toEqual([]);
  });
});

/** A UDP port that was free a moment ago. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  socket.close();
  return port;
}
