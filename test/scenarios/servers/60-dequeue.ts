import { conf, Dequeuing } from '../vocabulary.js';

export default () => new Dequeuing(conf({ check_for_dequeue: 0.2 })).run();
