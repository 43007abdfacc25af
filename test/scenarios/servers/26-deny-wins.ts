import { Admitting, conf } from '../vocabulary.js';

export default () => Admitting.run(conf({ allow: ['127\\..*'], deny: ['127\\.0\\.0\\.1'] }));
