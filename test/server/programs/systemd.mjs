// A service that systemd starts: prints the sockets it was given, then tells how it is, one step for each line of its input.
import { execFileSync } from 'node:child_process';
import { fstatSync } from 'node:fs';
import { createInterface } from 'node:readline';

const { ServiceNotifier, takeInheritedSockets } = await import(new URL('./server/systemd.js', process.env.NETMUX_LIBRARY));
const { setCloseOnExec } = await import(new URL('./mux/process-calls.js', process.env.NETMUX_LIBRARY));

// As they come from systemd; Node has marked all that it found open by now.
const given = [3, 4].filter((descriptor) => fstatSync(descriptor).isSocket());
for (const descriptor of given) setCloseOnExec(descriptor, false);
const sockets = takeInheritedSockets();
const failures = [];
const notifier = new ServiceNotifier((error) => failures.push(`${error.code} ${error.message}`));
const names = Object.keys(process.env).filter((name) => /^(LISTEN_|NOTIFY_|WATCHDOG_)/.test(name));
const inherited = execFileSync('sh', ['-c', `for fd in ${given.join(' ')}; do test -S /dev/fd/$fd && echo $fd; done; true`], {
  encoding: 'utf8',
});
console.log(
  `sockets ${JSON.stringify({
    sockets: sockets.map(({ descriptor, name }) => ({ descriptor, name, isSocket: fstatSync(descriptor).isSocket() })),
    names,
    again: takeInheritedSockets(),
    inherited,
    environment: notifier.environment,
  })}`,
);
const lines = createInterface({ input: process.stdin });
for await (const line of lines) {
  const [step, text] = line.split(':');
  notifier[step](text);
  console.log(`did ${step}`);
}
notifier.close();
notifier.ready();
console.log(`failures ${JSON.stringify(failures)}`);
