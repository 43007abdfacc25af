import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NetmuxError } from '../errors.js';

const PACKAGE_NAME = 'netmux';

/** In a checkout: the addon to load in place of all others, e.g. one with a sanitizer. An installed package takes no notice of it. */
const CHOSEN_ADDON = 'NETMUX_ADDON';

/**
 * Finds and loads the native addon. A binary built here comes before one that was shipped, so that whoever
 * builds from source runs what was built.
 *
 * @returns the exports of the addon
 * @throws NetmuxError `NETMUX_NO_NATIVE`; its message names every file tried and why it did not load
 */
export function loadAddon(): unknown {
  // Bun loads the binary, and ends the whole process at the first call into libuv's poll.
  if (process.versions.bun !== undefined)
    throw new NetmuxError('NETMUX_NO_NATIVE', 'no native engine under Bun, which lacks a part of libuv');
  const require = createRequire(import.meta.url);
  const root = packageRoot(dirname(fileURLToPath(import.meta.url)));
  if (root === undefined) {
    throw new NetmuxError(
      'NETMUX_NO_NATIVE',
      `no native engine: no package.json of ${PACKAGE_NAME} above ${fileURLToPath(import.meta.url)}`,
    );
  }
  const failures: string[] = [];
  for (const file of candidates(root)) {
    if (!existsSync(file)) {
      failures.push(`  ${relative(root, file)}: no such file`);
      continue;
    }
    try {
      return require(file);
    } catch (error) {
      failures.push(`  ${relative(root, file)}: ${reason(error)}`);
    }
  }
  throw new NetmuxError(
    'NETMUX_NO_NATIVE',
    [`no native engine for ${process.platform}-${process.arch}, Node ${process.versions.node}; tried in ${root}:`, ...failures].join('\n'),
  );
}

/** The files to try, best first. The names under `prebuilds/` are those that prebuildify gives. */
function* candidates(root: string): Generator<string> {
  const chosen = process.env[CHOSEN_ADDON];
  if (chosen !== undefined && existsSync(join(root, 'binding.gyp'))) {
    yield resolve(root, chosen);
    return;
  }
  yield join(root, 'build/Release/netmux.node');
  yield join(root, 'build/Debug/netmux.node');
  // Asked last, and only if it comes to it: the report takes milliseconds.
  const shipped = process.platform === 'linux' ? `netmux.${libc()}.node` : 'netmux.node';
  yield join(root, 'prebuilds', `${process.platform}-${process.arch}`, shipped);
}

/**
 * The C library of this process: a binary for the other one may load and crash later, so it is not even tried.
 * The `glibcVersionRuntime` of Node's report is absent on musl. Without `excludeNetwork` the report asks for names
 * of all interfaces, which can take seconds.
 */
function libc(): 'glibc' | 'musl' {
  const report = process.report as typeof process.report & { excludeNetwork?: boolean };
  const before = report.excludeNetwork;
  report.excludeNetwork = true;
  try {
    const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } };
    return header?.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
  } finally {
    report.excludeNetwork = before ?? false;
  }
}

/** This file lies at different depths in `src`, in `dist` and in an installed package; the root is where the name is. */
function packageRoot(start: string): string | undefined {
  for (let folder = start; ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file)) {
      const { name } = JSON.parse(readFileSync(file, 'utf8')) as { name?: unknown };
      if (name === PACKAGE_NAME) return folder;
    }
    if (dirname(folder) === folder) return undefined;
  }
}

/** One line: dlopen's own message, which names the missing library or symbol. */
function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0] ?? message;
}
