/** `npm run example -- NAME [options]`: runs the example of that name. */
import { EXAMPLES, help, runServer, usage } from './command-line.js';

const name = process.argv[2] ?? '';
if (name === '--help' || process.argv.includes('--help')) help();
if (!Object.hasOwn(EXAMPLES, name)) usage(name === '' ? 'which example?' : `no example of the name '${name}'`);

if (name === 'chat') {
  const { default: Chat } = await import('./chat.js');
  await runServer(new Chat(), process.argv.slice(3));
} else {
  // It reads its options as if it had been started by itself.
  process.argv.splice(2, 1);
  await import(`./${name}.js`);
}
