// An echo server that is restarted. It answers each line with its number of restarts and the line; arguments are its options.
// With ADMISSION_FILE, clients are let in when there is such a file.
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const generation = Number(process.env.GENERATION ?? '0') + 1;
process.env.GENERATION = String(generation);
console.log(`loading ${generation}`);
await sleep(Number(process.env.LOADING_MS ?? '0'));

const { MultiplexServer } = await import(process.env.NETMUX_LIBRARY);

class Server extends MultiplexServer {
  pre_loop_hook() {
    const addresses = this.listeners.map(({ localAddress, localPort }) => localPort ?? localAddress);
    console.log(`serving ${generation} ${process.pid} ${addresses.join()} ${process.execArgv.length}`);
  }

  mux_input(mux, fh, data) {
    if (mux.isUdp(fh)) fh.write(`${generation} ${data.take()}`);
    for (const line of data.lines()) {
      const [word, value] = line.split(' ');
      if (word === 'fill') fh.write('z'.repeat(Number(value)));
      else if (word === 'grow')
        process.env.TOO_LONG = 'z'.repeat(Number(value)); // more than execve takes
      else fh.write(`${generation} ${line}\n`);
    }
  }

  async allow_deny_hook() {
    const { ADMISSION_FILE } = process.env;
    if (ADMISSION_FILE === undefined) return true;
    console.log(`deciding ${generation}`);
    while (!existsSync(ADMISSION_FILE)) await sleep(10);
    return true;
  }

  pre_server_close_hook() {
    console.log(`closing ${generation}`);
  }

  restart_close_hook() {
    console.log(`leaving ${generation}`);
  }

  restart_open_hook() {
    console.log(`taking over ${generation}`);
  }
}

await Server.run({ handle_signals: true, max_outbuffer: 0 });
