import { conf, type Handle, type InputBuffer, print, Usual } from '../vocabulary.js';

class Server extends Usual {
  override heard(_fh: Handle, data: InputBuffer): void {
    for (const line of data.lines()) print(`<${line}>\n`);
  }
}

export default () => Server.run(conf());
