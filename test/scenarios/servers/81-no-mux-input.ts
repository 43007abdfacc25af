import { conf, Usual } from '../vocabulary.js';

class Server extends Usual {}

Object.defineProperty(Server.prototype, 'mux_input', { value: undefined });

export default () => Server.run(conf());
