// `npm run test:deep` does what CONTRIBUTING.md lists, and nothing else.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { filesIn, read, root } from './sources.js';

const { parts } = (await import(pathToFileURL(join(root, 'scripts/deep-parts.mjs')).href)) as {
  parts: readonly { name: string; number: string; shows: string }[];
};

it('each part of test:deep has a row in CONTRIBUTING.md, and each row is a part', () => {
  const table = /\| part \| what \|[\s\S]*?\n\n/.exec(read('CONTRIBUTING.md'))![0];
  const rows = table
    .split('\n')
    .slice(2)
    .filter((line) => line !== '');
  const listed = rows.flatMap((row) => [...row.split('|')[1]!.matchAll(/`([^`]+)`/g)].map(([, name]) => name));
  expect(listed.sort()).toEqual(parts.map(({ name }) => name).sort());
});

it('each fuzz target of C++ is a part, and RELIABILITY.md tells of each part', () => {
  const targets = filesIn('test/fuzz', '_fuzz.cc').map((file) => `fuzz-${/(\w+)_fuzz\.cc$/.exec(file)![1]}`);
  expect(parts.map(({ name }) => name)).toEqual(expect.arrayContaining(targets));
  const page = read('RELIABILITY.md');
  for (const { name, number } of parts) expect(page).toContain(`${number} ${name}`);
});
