import { Admitting, conf } from '../vocabulary.js';

export default () => Admitting.run(conf({ deny: ['10\\..*'] }));
