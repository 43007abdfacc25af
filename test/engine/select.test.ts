import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { engines, nativeFailure } from '../engines.js';

type Select = typeof import('../../src/engine/select.js');

let select: Select['selectEngine'];
const lines: string[] = [];
const warn = (line: string) => void lines.push(line);

beforeEach(async () => {
  // An environment of its own for each test: the engines of one are made once.
  vi.resetModules();
  ({ selectEngine: select } = await import('../../src/engine/select.js'));
  lines.length = 0;
});

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('choosing an engine', () => {
  it('gives all who ask for the same one the same object', () => {
    expect(select('node', warn)).toBe(select('node', warn));
    expect(select('node', warn).name).toBe('node');
  });

  it.each(['node', ...(nativeFailure === undefined ? ['native'] : [])])('obeys NETMUX_ENGINE=%s where nothing was asked for', (name) => {
    vi.stubEnv('NETMUX_ENGINE', name);
    expect(select('auto', warn).name).toBe(name);
    expect(lines).toEqual([]);
  });

  it('puts the option above NETMUX_ENGINE', () => {
    vi.stubEnv('NETMUX_ENGINE', 'native');
    expect(select('node', warn).name).toBe('node');
  });

  it.each(['epoll', 'NODE', ' native'])('refuses NETMUX_ENGINE=%s, naming the variable', (value) => {
    vi.stubEnv('NETMUX_ENGINE', value);
    expect(() => select('auto', warn)).toThrow(expect.objectContaining({ name: 'TypeError', code: 'NETMUX_BAD_ARGUMENT' }));
    expect(() => select('auto', warn)).toThrow(/NETMUX_ENGINE/);
    expect(select('node', warn).name).toBe('node');
  });

  it.each([undefined, '', 'auto'])('prefers the native engine for NETMUX_ENGINE=%s', (value) => {
    vi.stubEnv('NETMUX_ENGINE', value);
    expect(select('auto', warn).name).toBe(engines[0]);
  });
});

describe('where the native engine does not load', () => {
  const reason = 'no native engine here; tried:\n  build/Release/netmux.node: no such file\n  prebuilds/netmux.node: bad symbol';

  beforeEach(async () => {
    // Only what finds the file is replaced: it stands for a machine without one.
    vi.doMock('../../src/native/load.js', async () => {
      const { NetmuxError } = await import('../../src/errors.js');
      return {
        loadAddon: () => {
          throw new NetmuxError('NETMUX_NO_NATIVE', reason);
        },
      };
    });
    vi.resetModules();
    ({ selectEngine: select } = await import('../../src/engine/select.js'));
  });

  afterEach(() => {
    vi.doUnmock('../../src/native/load.js');
  });

  it('auto falls back with one line that names the reason, told once', () => {
    vi.stubEnv('NETMUX_ENGINE', undefined);
    expect(select('auto', warn).name).toBe('node');
    expect(select('auto', warn)).toBe(select('node', warn));
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain('\n');
    for (const part of ['build/Release/netmux.node: no such file', 'prebuilds/netmux.node: bad symbol']) expect(lines[0]).toContain(part);
  });

  it('native never falls back, whether asked for by the option or by NETMUX_ENGINE', () => {
    const failure = expect.objectContaining({ code: 'NETMUX_NO_NATIVE', message: reason });
    expect(() => select('native', warn)).toThrow(failure);
    vi.stubEnv('NETMUX_ENGINE', 'native');
    expect(() => select('auto', warn)).toThrow(failure);
    expect(lines).toEqual([]);
  });
});
