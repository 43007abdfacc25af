// The command line of a script: what it does not know ends it with a line, where Node would show a stack, and --help shows the comment that
// the script begins with.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/**
 * @param script its `import.meta.url`
 * @param config as `parseArgs` takes it
 */
export function parseCommandLine(script, config) {
  try {
    const { values, positionals } = parseArgs({ ...config, options: { ...config.options, help: { type: 'boolean' } } });
    if (!values.help) return { values, positionals };
  } catch (error) {
    if (!error.code?.startsWith('ERR_PARSE_ARGS_')) throw error;
    console.error(`${error.message.split('. ')[0]} (--help)`);
    process.exit(2);
  }
  const [head] = /^(\/\/.*\n)+/.exec(readFileSync(fileURLToPath(script), 'utf8'));
  process.stdout.write(head.replace(/^\/\/ ?/gm, ''));
  process.exit(0);
}
