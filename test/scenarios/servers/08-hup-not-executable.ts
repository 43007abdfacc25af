import { Restarting } from '../restarting.js';
import { conf } from '../vocabulary.js';

export default () => Restarting.run(conf());
