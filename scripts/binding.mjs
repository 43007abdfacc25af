// What binding.gyp says, for the builds that are not node-gyp's: one list of sources and flags for all of them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { root } from './toolchain.mjs';

/**
 * Sources, defines and flags of the addon.
 *
 * @param {'linux' | 'mac'} os as binding.gyp calls it
 */
export function readBinding(os) {
  // A .gyp file is a Python literal; without its comments it is one of JavaScript, too.
  const text = readFileSync(join(root, 'binding.gyp'), 'utf8').replace(/^\s*#.*$/gm, '');
  const [target] = runInNewContext(`(${text})`).targets;
  const own = target.conditions.find(([condition]) => condition === `OS == "${os}"`)[1];
  const of = (key) => [...(target[key] ?? []), ...(own[key] ?? [])];
  return {
    sources: of('sources').sort(),
    // The first two are node-gyp's own.
    defines: ['NODE_GYP_MODULE_NAME=netmux', 'BUILDING_NODE_EXTENSION', ...of('defines')],
    cflags: [...of('cflags'), ...target.configurations.Release.cflags, ...of('cflags_cc')],
    ldflags: of('ldflags'),
  };
}
