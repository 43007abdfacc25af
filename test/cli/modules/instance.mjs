import Greeter from './greeter.mjs';

export default new Greeter({ greeting: 'from the constructor' });
