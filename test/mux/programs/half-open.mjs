// A network of two machines, made of namespaces: this one serves, the other one connects and is silent. Then nothing that is sent there
// arrives any more, and nobody is told. Half of the connections are idle, the others have unsent output. Prints how each of them ended,
// and after how many seconds.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';

const HERE = '198.18.0.1';
const THERE = '198.18.0.2';
const PAIRS = 10;

/** What the other machine runs: connects to the ports that it is told, as often as it is told. */
const CLIENT = `
  process.stdin.once('data', (text) => {
    const { host, ports, count } = JSON.parse(text);
    for (const port of ports) {
      for (let n = 0; n < count; n += 1) require('node:net').connect(port, host).on('error', () => {});
    }
  });
  console.log('ready');
`;

const { Mux } = await import(process.env.NETMUX_LIBRARY);
const [keepAliveDelay, keepAliveInterval, keepAliveCount, userTimeout] = process.argv.slice(2).map(Number);

const other = spawn('unshare', ['-n', process.execPath, '-e', CLIENT], { stdio: ['pipe', 'pipe', 'inherit'] });
await once(other.stdout, 'data');
const ip = (...args) => execFileSync('ip', args);
const ipThere = (...args) => execFileSync('nsenter', ['-t', String(other.pid), '-n', 'ip', ...args]);
ip('link', 'add', 'cable0', 'type', 'veth', 'peer', 'name', 'cable1', 'netns', String(other.pid));
for (const [end, address, configure] of [
  ['cable0', HERE, ip],
  ['cable1', THERE, ipThere],
]) {
  configure('addr', 'add', `${address}/24`, 'dev', end);
  configure('link', 'set', end, 'up');
}

const idle = new Mux({ keepAliveDelay, keepAliveInterval, keepAliveCount });
const writing = new Mux({ userTimeout });
const ends = [];
let cut;
for (const [kind, mux] of Object.entries({ idle, writing })) {
  mux.setCallbackObject({
    mux_input: (_, _fh, data) => data.consume(),
    mux_close: (_, fh) => ends.push({ kind, code: fh.error?.code, seconds: (performance.now() - cut) / 1000 }),
  });
}
const listeners = await Promise.all(
  [idle.listen({ host: HERE, port: 0, keepAlive: true }), writing.listen({ host: HERE, port: 0 })].map((one) => one.ready),
);
const loops = Promise.all([idle.loop(), writing.loop()]);
other.stdin.write(JSON.stringify({ host: HERE, ports: listeners.map((one) => one.localPort), count: PAIRS }));
while (idle.handles().length + writing.handles().length < 2 * PAIRS) await new Promise(setImmediate);

// Of listeners nothing is to be told.
idle.close(listeners[0]);
writing.close(listeners[1]);
ends.length = 0;
ip('neigh', 'replace', THERE, 'lladdr', '02:00:00:00:00:99', 'dev', 'cable0', 'nud', 'permanent');
cut = performance.now();
for (const fh of writing.handles()) fh.write('is anybody there?');
await loops;
console.log(JSON.stringify(ends));
other.kill('SIGKILL');
