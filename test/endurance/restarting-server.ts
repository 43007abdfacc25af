/**
 * The server of the programs `restart` and `drain`: a `MultiplexServer` that HUP executes again. It says `serving IMAGE PID PORT` each time that it
 * serves, and at its end how many questions all images together have read.
 */
import type { Handle, InputBuffer, Mux } from 'netmux';
import { MultiplexServer } from 'netmux';
import { answerTo } from './restart-clients.js';

// The environment is all that an image leaves to the next one.
const image = Number(process.env.IMAGE ?? '0') + 1;
process.env.IMAGE = String(image);
let read = Number(process.env.QUESTIONS_READ ?? '0');

class RestartingServer extends MultiplexServer {
  override pre_loop_hook(): void {
    console.log(`serving ${image} ${process.pid} ${this.listeners[0]?.localPort}`);
  }

  override mux_input(_mux: Mux, fh: Handle, data: InputBuffer): void {
    for (const question of data.lines()) {
      read += 1;
      fh.write(answerTo(question));
    }
  }

  override restart_close_hook(): void {
    process.env.QUESTIONS_READ = String(read);
  }

  override server_exit(value?: number): void {
    console.log(`read ${read}`);
    super.server_exit(value);
  }
}

// Whoever has started it is gone.
process.stdin.on('end', () => process.exit()).resume();
process.stdin.unref();

await RestartingServer.run({
  port: '127.0.0.1:0',
  handle_signals: true,
  restart_drain_timeout: 1,
  drain_rate: Number(process.env.DRAIN_RATE ?? 0),
});
