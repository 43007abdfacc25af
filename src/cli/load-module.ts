import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { CommandFailure, FAILED } from './failure.js';

/** The folder of the library, above src/cli/ and dist/lib/: a place in here says nothing to whom a message is for. */
const LIBRARY = fileURLToPath(new URL('..', import.meta.url));

/** What is easily left out: an `import` needs it. */
const ENDINGS = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'];

/** Which Node loads TypeScript without being asked to. */
const TYPESCRIPT_SINCE = '22.18';

/**
 * Loads a module, and what it exports as default: of a CommonJS module `module.exports`.
 * @param path absolute
 * @param name of the file, as the user has written it
 * @throws CommandFailure
 */
export async function loadDefaultExport(path: string, name: string): Promise<unknown> {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    const meant = ENDINGS.find((ending) => existsSync(path + ending));
    const hint = meant === undefined ? `(${path})` : `(did you mean ${name}${meant}?)`;
    throw new CommandFailure(FAILED, `${name}: there is no such module ${hint}`);
  }
  if (found.isDirectory()) throw new CommandFailure(FAILED, `${name}: this is a folder, not a module`);
  let loaded: { readonly default?: unknown };
  try {
    loaded = (await import(pathToFileURL(path).href)) as typeof loaded;
  } catch (error) {
    throw new CommandFailure(FAILED, `${name}: ${complaint(error, path)}`);
  }
  const { default: exported } = loaded;
  // What compilers make of `export default` for CommonJS.
  return isTranslated(exported) ? exported.default : exported;
}

/** Parsing takes milliseconds, starting Node a few more. */
const CHECK_TIMEOUT_MS = 10_000;

/** An error in one line: what it is, and the place in the application that it comes from. */
export function complaint(error: unknown, path = ''): string {
  if (!(error instanceof Error)) return `throws ${String(error).split('\n', 1)[0]}`;
  const { name, stack = '', code } = error as NodeJS.ErrnoException;
  const [message = ''] = error.message.split('\n', 1);
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[cm]?ts$/.test(path)) {
    return `Node ${process.versions.node} does not load TypeScript: translate it to JavaScript, or use Node ${TYPESCRIPT_SINCE} or later`;
  }
  const place = placeIn(stack) ?? (error instanceof SyntaxError && path !== '' ? syntaxErrorIn(path) : undefined);
  return `${name}: ${message}${place === undefined ? '' : ` (${place})`}`;
}

/** `FILE:LINE`, from the line before a syntax error, or from the first frame that is neither Node's nor of this package. */
function placeIn(stack: string): string | undefined {
  for (const line of stack.split('\n')) {
    const [, file, number] = /^(?:\s+at (?:async )?(?:.* \()?)?((?:file:\/\/)?\/[^():]+):(\d+)(?::\d+)?\)?$/.exec(line) ?? [];
    if (file === undefined) continue;
    const path = file.startsWith('file:') ? fileURLToPath(file) : file;
    if (!path.startsWith(LIBRARY)) return `${path}:${number}`;
  }
  return undefined;
}

/** Of an ES module that cannot be parsed, Node tells the place only where it ends by that. */
function syntaxErrorIn(path: string): string {
  const { stderr } = spawnSync(process.execPath, ['--check', path], { encoding: 'utf8', timeout: CHECK_TIMEOUT_MS });
  return placeIn(stderr) ?? 'in a module that it imports';
}

function isTranslated(exported: unknown): exported is { readonly default: unknown } {
  return typeof exported === 'object' && exported !== null && '__esModule' in exported && 'default' in exported;
}
