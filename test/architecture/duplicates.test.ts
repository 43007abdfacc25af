// No passage of code stands in two places: whoever mends one would have to know of the other.
import { describe, expect, it } from 'vitest';
import { filesIn, read } from './sources.js';

/** Shorter ones are idioms. What these have in common beyond it is worth a name. */
const MIN_TOKENS = 120;
const MIN_LINES = 9;

/** Contestants are programs of one file each, to be read by themselves. */
const files = ['src', 'native', 'bench', 'scripts', 'examples']
  .flatMap((folder) => filesIn(folder, '.ts', '.mjs', '.cc', '.h'))
  .filter((file) => !file.startsWith('bench/contestants/'));

/** The engine of netmux/testing plays the one over Node's sockets, method by method. */
const ALIKE = [/^src\/testing\/memory-[\w-]+\.ts:\d+ is src\/engine\/node-[\w-]+\.ts:\d+$/];

interface Token {
  text: string;
  line: number;
}

/** Words and signs, without comments, blanks and imports. */
function tokensOf(text: string): Token[] {
  const code = text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/^(import\b[^;]*;|#include .*)/gm, (line) => line.replace(/[^\n]/g, ' '));
  return code.split('\n').flatMap((line, index) => {
    const words = line.replace(/(^|\s)\/\/.*$/, '').match(/[\w$]+|[^\s\w$]/g) ?? [];
    return words.map((word) => ({ text: word, line: index + 1 }));
  });
}

/** The passages that occur twice, as `file:line is file:line`, each named at its first line. */
function passagesFoundTwice(sources: Map<string, Token[]>): string[] {
  const seen = new Map<string, { file: string; at: number }>();
  const found: string[] = [];
  for (const [file, tokens] of sources) {
    for (let at = 0; at + MIN_TOKENS <= tokens.length; at += 1) {
      // A passage begins where a line does: that is enough to find it, and a tenth of the work.
      if (tokens[at - 1]?.line === tokens[at]!.line) continue;
      const passage = tokens.slice(at, at + MIN_TOKENS);
      if (passage.at(-1)!.line - passage[0]!.line + 1 < MIN_LINES) continue;
      const key = passage.map(({ text }) => text).join(' ');
      const first = seen.get(key);
      if (first === undefined) {
        seen.set(key, { file, at });
        continue;
      }
      const before = sources.get(first.file)!;
      found.push(`${file}:${tokens[at]!.line} is ${first.file}:${before[first.at]!.line}`);
      let length = MIN_TOKENS;
      while (at + length < tokens.length && tokens[at + length]!.text === before[first.at + length]?.text) length += 1;
      at += length - 1;
    }
  }
  return found;
}

describe('a passage of code', () => {
  it('is found when it stands in two files, whatever stands around it and in its comments', () => {
    const lines = Array.from({ length: 20 }, (_, number) => `  total += weight(${number}, 'kilograms');`);
    const twice = new Map([
      ['one.ts', tokensOf(`import a from 'a';\n\nfunction one() {\n${lines.join('\n')}\n}\n`)],
      ['two.ts', tokensOf(`// Something else.\nlet total = 0;\n${lines.map((line) => `${line} // so it is`).join('\n\n')}\n`)],
    ]);
    expect(passagesFoundTwice(twice)).toEqual(['two.ts:3 is one.ts:4']);
  });

  it('stands in one place', () => {
    const found = passagesFoundTwice(new Map(files.map((file) => [file, tokensOf(read(file))])));
    expect(found.filter((passage) => !ALIKE.some((pattern) => pattern.test(passage)))).toEqual([]);
  });
});
