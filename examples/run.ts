/** `npm run example -- NAME [options]`: runs the example of that name. */
import { EXAMPLES, help, usage } from './command-line.js';

const name = process.argv[2] ?? '';
if (name === '--help') help();
if (!Object.hasOwn(EXAMPLES, name)) usage(name === '' ? 'which example?' : `no example of the name '${name}'`);

// The example reads its options as if it had been started by itself.
process.argv.splice(2, 1);
await import(`./${name}.js`);
