import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { read, root } from '../architecture/sources.js';
import { programs } from './programs.js';
import { shownByTests } from './suite.js';

it('RELIABILITY.md is what the kept results make, and names every program', () => {
  const result = (name: string) => {
    try {
      return readFileSync(join(root, `test/endurance/results/${name}.json`), 'utf8');
    } catch {
      return undefined;
    }
  };
  const page = read('RELIABILITY.md');
  for (const { name, number, shows } of programs) {
    expect(page).toContain(`${number} ${name}`);
    expect(page).toContain(shows);
    const kept = result(name);
    if (kept === undefined) continue;
    const { form, figures } = JSON.parse(kept) as { form: string; figures: string[] };
    if (form === 'long') for (const figure of figures) expect(page).toContain(figure);
  }
});

it.each(shownByTests)('$number: $file has the test that RELIABILITY.md names', ({ shows, file, title }) => {
  expect(read(file)).toContain(title);
  expect(read('RELIABILITY.md')).toContain(shows);
});

it('a verdict that failed is shown as such, with what was not as it has to be; a bar does not end a cell', () => {
  const outcome = {
    number: 'T99',
    name: 'sample',
    shows: 'a | b',
    form: 'long',
    verdict: 'FAILED',
    figures: ['3 lost'],
    failures: ['none is lost'],
  };
  const results = [{ ...outcome, date: '2026-01-02T03:04:05Z', commit: 'abc1234', machine: 'a machine', seed: 7 }];
  const script = `import { reliabilityPage } from ${JSON.stringify(join(root, 'scripts/reliability.mjs'))};
    process.stdout.write(reliabilityPage(${JSON.stringify(results)}, [{ number: 'T98', name: 'other', shows: 'nothing' }], []));`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script, 'test'], { encoding: 'utf8' });
  expect(stdout).toContain('| T99 sample | a \\| b | 3 lost; NOT: none is lost | FAILED | 2026-01-02, abc1234, seed 7, a machine |');
  expect(stdout).toContain('Not run in the long form yet:\n\n* T98 other: nothing\n');
});
