// What the documents name has to exist: files, commands of npm, callbacks, error codes. Renaming something must not leave a page behind.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesIn, read, root } from './sources.js';

/** The plan of what is not there yet is the one page that may name it. */
const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'bench/README.md', ...filesIn('docs', '.md')].filter(
  (file) => existsSync(join(root, file)) && !file.endsWith('-sketch.md'),
);
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
const sources = ['src', 'native', 'scripts', 'test', 'bench'].flatMap((folder) => filesIn(folder, '.ts', '.cc', '.h', '.mjs')).map(read);
const identifiers = new Set(sources.flatMap((text) => text.match(/\b(?:NETMUX|mux)_\w+/g) ?? []));

/** Every match of a pattern's first group in the pages, as `page: name`, that is not as it should be. */
function strangers(pattern: RegExp, exists: (name: string) => boolean): string[] {
  return pages.flatMap((page) =>
    [...read(page).matchAll(pattern)]
      .map(([, name]) => name!)
      .filter((name) => !exists(name))
      .map((name) => `${page}: ${name}`),
  );
}

describe('the documents', () => {
  it('name files that exist', () => {
    const inProject = /`(?!bench\/results\/)((?:src|native|test|bench|scripts|examples|docs|\.github)\/[\w./-]*\w)`/g;
    expect(strangers(inProject, (name) => existsSync(join(root, name)))).toEqual([]);
  });

  it('link to files that exist', () => {
    const broken = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\((?!\w+:|#)([^)#\s]+)[^)]*\)/g)]
        .map(([, target]) => target!)
        .filter((target) => !existsSync(join(root, page, '..', target)))
        .map((target) => `${page}: ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it('name commands of npm that exist', () => {
    expect(strangers(/npm run (?:--silent )?([\w:-]+)/g, (name) => name in scripts)).toEqual([]);
  });

  it('name callbacks and error codes that exist', () => {
    expect(strangers(/\b((?:NETMUX|mux)_[A-Za-z]\w*)/g, (name) => identifiers.has(name))).toEqual([]);
  });
});
