// What building the addon needs from this machine: a C++17 compiler, make, Python and Node's headers.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** Where a native engine exists: epoll or kqueue. */
const NATIVE_PLATFORMS = ['linux', 'darwin'];

/** Every part of the language and of the toolchain that a build needs: C++17, its headers, the C library's, a linker. */
const PROBE = '#include <cstdint>\n#include <sys/socket.h>\nint main() { if constexpr (sizeof(int64_t) == 8) return AF_UNIX - AF_UNIX; }\n';

/** No probe takes longer, not even on a machine that is short of everything. */
const PROBE_TIMEOUT_MS = 60_000;

/**
 * Why the addon cannot be built here, in a few words, or `undefined` when it can. What is asked for is the machine's
 * equipment only, so that an error in our own sources is never taken for a missing compiler.
 */
export function toolchainProblem() {
  if (!NATIVE_PLATFORMS.includes(process.platform)) return `no native engine for ${process.platform}`;
  return compilerProblem() ?? makeProblem() ?? pythonProblem();
}

function compilerProblem() {
  const compiler = process.env.CXX_target || process.env.CXX || (process.platform === 'darwin' ? 'c++' : 'g++');
  const folder = mkdtempSync(join(tmpdir(), 'netmux-probe-'));
  try {
    const source = join(folder, 'probe.cc');
    writeFileSync(source, PROBE);
    // Through the shell like make does it: CXX may be `ccache g++`.
    const probe = run('sh', ['-c', `${compiler} -std=c++17 -o "$1" "$2"`, 'sh', join(folder, 'probe'), source]);
    return probe.status === 0 ? undefined : `no working C++17 compiler (${compiler}: ${firstLine(probe)})`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function makeProblem() {
  const make = process.env.MAKE || 'make';
  const probe = run(make, ['--version']);
  return probe.status === 0 ? undefined : `no make (${make}: ${firstLine(probe)})`;
}

/** The same candidates as node-gyp's, in the same order. */
function pythonProblem() {
  const given = [process.env.npm_config_python, process.env.NODE_GYP_FORCE_PYTHON, process.env.PYTHON].filter(Boolean);
  const works = [...given, 'python3', 'python'].some(
    (python) => run(python, ['-c', 'import sys; sys.exit(sys.version_info < (3, 8))']).status === 0,
  );
  return works ? undefined : 'no Python 3.8 or later, which node-gyp needs';
}

/**
 * The folder that has Node's headers in `include/node`, or `undefined`: then node-gyp has to download them.
 *
 * node-gyp only sees `nodedir` when npm or npx hands it over in the environment, and they do not always do it; so it is looked up
 * here. Headers that came with this very `node` beat a download in any case.
 */
export function findNodeDir() {
  const given = process.env.npm_config_nodedir || process.env.npm_package_config_node_gyp_nodedir;
  if (given) return given;
  return [configuredNodeDir(), resolve(dirname(process.execPath), '..')].find(
    (folder) => folder !== undefined && existsSync(join(folder, 'include/node/node_api.h')),
  );
}

/** `nodedir` of the user's npmrc. */
function configuredNodeDir() {
  const npm = process.env.npm_execpath;
  const found = npm?.endsWith('.js') ? run(process.execPath, [npm, 'config', 'get', 'nodedir']) : run('npm', ['config', 'get', 'nodedir']);
  const folder = found.status === 0 ? found.stdout.trim() : '';
  return folder === '' || folder === 'undefined' || folder === 'null' ? undefined : folder;
}

/** The environment in which node-gyp and prebuildify find the headers. node-gyp lets it win over its command line. */
export function nodeGypEnvironment(nodeDir) {
  if (nodeDir === undefined) return process.env;
  return { ...process.env, npm_config_nodedir: nodeDir, npm_package_config_node_gyp_nodedir: nodeDir };
}

/** Runs a command and keeps its output. A command that does not exist has `status` null and an `error`. */
export function run(command, args, options = {}) {
  return spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    timeout: PROBE_TIMEOUT_MS,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
}

function firstLine({ error, stderr, stdout, status }) {
  if (error !== undefined) return error.code === 'ENOENT' ? 'not found' : error.message;
  return (
    `${stderr}\n${stdout}`
      .split('\n')
      .find((line) => line.trim() !== '')
      ?.trim() ?? `status ${status}`
  );
}
