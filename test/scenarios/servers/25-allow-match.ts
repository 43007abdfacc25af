import { Admitting, conf } from '../vocabulary.js';

export default () => Admitting.run(conf({ allow: ['10\\..*', '127\\.0\\.0\\.\\d+'] }));
