import { readFileSync } from 'node:fs';
import { conf, ev, runningPath, Usual } from '../vocabulary.js';

const FILE = runningPath('l');

class Server extends Usual {
  override pre_loop_hook(): void {
    this.log(2, 'a\tb\xe9%c\nsecond\n');
    this.log(2, 'n=%d', 5);
    this.log(3, 'hidden');
    for (const line of readFileSync(FILE, 'latin1').trimEnd().split('\n')) {
      if (!/^(\d|Binding|Group|User)/.test(line)) ev(`file ${line}`);
    }
    ev('ready');
  }
}

export default () => Server.run(conf({ log_level: 2, log_file: FILE }));
