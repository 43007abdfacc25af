// binding.gyp and native/CMakeLists.txt list their sources one by one; this finds the one that was forgotten, also for the platform
// that is not at hand.
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { filesIn, includesOf, read } from './sources.js';

interface Target {
  sources: string[];
  defines: string[];
  conditions: [condition: string, settings: { sources?: string[] }][];
}

/** A .gyp file is a Python literal; without its comments it is one of JavaScript, too. */
const { targets } = runInNewContext(`(${read('binding.gyp').replace(/^\s*#.*$/gm, '')})`) as { targets: [Target] };
const target = targets[0];
const everywhere = target.sources;
const sourcesOn = (os: string) =>
  target.conditions.filter(([condition]) => condition.includes(`"${os}"`)).flatMap(([, settings]) => settings.sources ?? []);
const linux = sourcesOn('linux');
const mac = sourcesOn('mac');

describe('binding.gyp', () => {
  it('compiles every file of native/ on some platform, and no other', () => {
    expect([...new Set([...everywhere, ...linux, ...mac])].sort()).toEqual(filesIn('native', '.cc'));
  });

  it.each([
    ['Linux', linux],
    ['macOS', mac],
  ])('compiles no file twice on %s', (_name, own) => {
    const all = [...everywhere, ...own];
    expect(all).toEqual([...new Set(all)]);
  });

  it('gives each platform one poller and one way to watch it', () => {
    for (const own of [linux, mac]) {
      expect(own.filter((file) => /\/poller_(?!watch_)/.test(file))).toHaveLength(1);
      expect(own.filter((file) => file.includes('/poller_watch_'))).toHaveLength(1);
    }
  });

  it('compiles epoll on Linux only and kqueue on macOS only', () => {
    const including = (header: string) => filesIn('native', '.cc').filter((file) => includesOf(file).includes(header));
    for (const file of including('sys/epoll.h'))
      expect([linux.includes(file), mac.includes(file), everywhere.includes(file)]).toEqual([true, false, false]);
    for (const file of including('sys/event.h'))
      expect([linux.includes(file), mac.includes(file), everywhere.includes(file)]).toEqual([false, true, false]);
  });
});

describe('native/CMakeLists.txt', () => {
  const text = read('native/CMakeLists.txt');
  // What lies elsewhere is for tests only, and chosen by an option.
  const lists = [...text.matchAll(/^(?:set|\s*list)\((?:APPEND )?SOURCES\s([^)./]+[^)/]*)\)/gm)].map(([, names]) =>
    names!
      .trim()
      .split(/\s+/)
      .map((name) => `native/${name}`)
      .sort(),
  );

  it('compiles what binding.gyp compiles, on each platform', () => {
    expect(lists).toEqual([everywhere, mac, linux].map((sources) => [...sources].sort()));
  });

  it('defines what binding.gyp defines', () => {
    for (const name of target.defines) expect(text).toContain(name);
  });
});
