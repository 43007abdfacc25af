import { Admitting, conf } from '../vocabulary.js';

export default () => Admitting.run(conf({ cidr_allow: ['127.0.0.0/8'] }));
