import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { conf, ev, runningPath, Usual } from '../vocabulary.js';

const FILE = runningPath('p');

class Server extends Usual {
  override post_configure_hook(): void {
    ev(`post_configure_hook own-pid=${Number(readFileSync(FILE, 'latin1') === `${process.pid}\n`)}`);
  }

  override server_exit(): void {
    ev(`server_exit exists=${Number(existsSync(FILE))}`);
  }
}

export default () => {
  writeFileSync(FILE, '999999\n');
  return Server.run(conf({ pid_file: FILE }));
};
