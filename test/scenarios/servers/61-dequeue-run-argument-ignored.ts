import { conf, Dequeuing } from '../vocabulary.js';

export default () => Dequeuing.run(conf({ check_for_dequeue: 0.2 }));
