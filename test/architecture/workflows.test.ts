// The workflows cannot be tried without their service; what they call can be looked up. Renaming a script must not break a release.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesIn, read, root } from './sources.js';

const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
const workflows = filesIn('.github/workflows', '.yml');

/** Every match of the pattern's first group in the workflows and in what they run first. */
function named(pattern: RegExp): string[] {
  return [...workflows, '.ci/run'].flatMap((file) => [...read(file).matchAll(pattern)].map(([, name]) => name!));
}

describe('the workflows', () => {
  it('run scripts that exist', () => {
    const commands = named(/npm run (?:--silent )?([\w:-]+)/g);
    expect(commands).toEqual(expect.arrayContaining(['prebuild:cross', 'check:prebuilds', 'check']));
    expect(commands.filter((name) => !(name in scripts))).toEqual([]);
    const files = [...named(/node (scripts\/[\w./-]+)/g), ...named(/run: (\.ci\/\w+)/g)];
    expect(files).toEqual(expect.arrayContaining(['scripts/test-native.mjs', 'scripts/build-cmake.mjs', '.ci/run']));
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });

  it('take actions of GitHub alone, at a version', () => {
    const actions = named(/uses: (\S+)/g);
    expect(actions.length).toBeGreaterThan(0);
    expect(actions.filter((action) => !/^actions\/[\w-]+@v\d+$/.test(action))).toEqual([]);
  });

  it.each(workflows)('%s may only read, except where a job says more, and ends each job in time', (file) => {
    const text = read(file);
    expect(text).toMatch(/^permissions:\n {2}contents: read\n(?! )/m);
    // Without its name a shell goes on after a command whose output is piped has failed.
    expect(text).toMatch(/^defaults:\n {2}run: \{ shell: bash \}/m);
    const jobs = text.slice(text.indexOf('\njobs:')).split(/^ {2}(?=[\w-]+:$)/m);
    for (const job of jobs.slice(1)) expect(job).toMatch(/^ {4}timeout-minutes: \d+$/m);
  });

  it('check every binary before they publish, in a job that may not', () => {
    const release = read('.github/workflows/release.yml');
    const [build, publish] = release.split(/^ {2}publish:$/m);
    expect(build).toMatch(/check:prebuilds -- --all --in=package/);
    expect(build).not.toContain('write');
    expect(publish).toMatch(/needs: build\n/);
    expect(publish).not.toMatch(/npm (ci|install|run)/);
  });
});
