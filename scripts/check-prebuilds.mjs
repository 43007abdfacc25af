// Looks at the binaries in prebuilds/: `npm run check:prebuilds`; with --all every platform's has to be there, and be the cross compiler's, as
// for a release. --in=FOLDER looks at those of an unpacked package.
// Each has to be for the platform that its place says, to ask for no younger C or C++ library than we promise, and to be hardened.
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { nativeSources } from './build-native.mjs';
import { parseCommandLine } from './command-line.mjs';
import { readMachO } from './mach-o.mjs';
import { PLATFORMS, prebuiltFileOf } from './platforms.mjs';
import { root, run } from './toolchain.mjs';

/** Node 20's own builds ask for these. */
const SYMBOL_FLOOR = { GLIBC: '2.28', GLIBCXX: '3.4.21', CXXABI: '1.3.9' };

/** Parts of the C library. What a release ships asks for nothing else; whatever this machine's compiler made wants its C++ library, too. */
const C_LIBRARY = /^(lib(c|pthread|m|dl)\.so(\.\d+)?|ld-linux[\w-]*\.so\.\d+)$/;

/** Of macOS; Node 20's own builds ask for this, and for no less on arm64. */
const OLDEST_MACOS = 11;

/** All that macOS has to bring. */
const MACOS_LIBRARY = '/usr/lib/libSystem.B.dylib';

/** What Node has in its process: Node-API, libuv, and of the C++ library what every libc++ of macOS 11 and later exports. */
const IN_THE_PROCESS = [
  /^_(napi|node_api|uv)_\w+$/,
  /^__Z(nwm|nam)(RKSt9nothrow_t)?$/,
  /^__Zd[al]Pv$/,
  /^__ZSt7nothrow$/,
  /^__ZNSt3__112basic_stringIcNS_11char_traitsIcEENS_9allocatorIcEEE(7reserveEm|6resizeEmc|6appendEPKc|9push_backEc)$/,
];

/** Node finds these by name; whatever else were visible could take the place of another addon's. */
const ENTRY_POINTS = ['_napi_register_module_v1', '_node_api_module_get_api_version_v1'];

/** A package with all binaries stays below 500 KB. */
const MAX_BYTES = 256 * 1024;

const MACHINES = { x64: 'Advanced Micro Devices X86-64', arm64: 'AArch64' };
const MACH_O_CPUS = { x64: 0x01000007, arm64: 0x0100000c };

const { values } = parseCommandLine(import.meta.url, {
  options: { all: { type: 'boolean', default: false }, in: { type: 'string', default: root } },
});
const problems = [];
let checked = 0;
for (const platform of Object.keys(PLATFORMS)) {
  const name = prebuiltFileOf(platform);
  const file = resolve(values.in, name);
  if (!existsSync(file)) {
    if (values.all) problems.push(`${name}: missing`);
    continue;
  }
  checked += 1;
  const [os, arch, libc] = platform.split('-');
  const { size, mtimeMs } = statSync(file);
  const found = os === 'linux' ? elfProblems(file, arch, libc) : machOProblems(file, arch);
  const newer = nativeSources().find((source) => statSync(join(root, source)).mtimeMs > mtimeMs);
  if (values.in === root && newer !== undefined) found.push(`is older than ${newer}`);
  if (size > MAX_BYTES) found.push(`has ${size} bytes, more than ${MAX_BYTES}`);
  problems.push(...found.map((problem) => `${name}: ${problem}`));
  console.log(`${found.length === 0 ? 'ok    ' : 'FAILED'} ${name}, ${size} bytes`);
}
if (checked === 0) problems.push('no binary in prebuilds/');
for (const problem of problems) console.error(problem);
console.log(`${checked} of ${Object.keys(PLATFORMS).length} binaries checked, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;

function elfProblems(file, arch, libc) {
  const { status, stdout, error, stderr } = run('readelf', [
    '--wide',
    '--file-header',
    '--dynamic',
    '--program-headers',
    '--dyn-syms',
    file,
  ]);
  if (status !== 0) return [`readelf: ${error?.message ?? stderr}`];
  const problems = [];
  const machine = /Machine:\s+(.+)/.exec(stdout)?.[1].trim();
  if (machine !== MACHINES[arch]) problems.push(`is for ${machine}`);

  const versions = new Set(
    Array.from(stdout.matchAll(/@{1,2}(GLIBC|GLIBCXX|CXXABI)_([\d.]+)/g), ([, family, version]) => `${family}_${version}`),
  );
  for (const version of versions) {
    const [family, number] = version.split('_');
    if (libc === 'musl') problems.push(`asks for ${version}, which musl does not have`);
    else if (isYounger(number, SYMBOL_FLOOR[family])) problems.push(`asks for ${version}; the floor is ${SYMBOL_FLOOR[family]}`);
  }

  for (const [, library] of values.all ? stdout.matchAll(/\(NEEDED\).*\[(.+)\]/g) : []) {
    if (!C_LIBRARY.test(library)) problems.push(`needs ${library}: made by this machine's compiler, not by \`npm run prebuild:cross\``);
  }

  if (!/\bDYN\b/.test(stdout)) problems.push('is not position-independent');
  if (/\bTEXTREL\b/.test(stdout)) problems.push('has relocations in its code');
  // Both are jumped to when the binary is loaded and unloaded.
  for (const [, name, address] of arch === 'arm64' ? stdout.matchAll(/\((INIT|FINI)\)\s+0x([0-9a-f]+)/g) : []) {
    if (Number.parseInt(address, 16) % 4 !== 0) problems.push(`has its ${name} at 0x${address}, where no instruction can be`);
  }
  if (!/GNU_RELRO/.test(stdout)) problems.push('has no RELRO');
  if (!/BIND_NOW|Flags:.*\bNOW\b/.test(stdout)) problems.push('binds lazily, so that RELRO does not cover its calls');
  const stack = /GNU_STACK(?:\s+0x[0-9a-f]+){5}\s+(\S+)/.exec(stdout)?.[1];
  if (stack === undefined || stack.includes('E')) problems.push('has an executable stack');
  if (!/__stack_chk_fail/.test(stdout)) problems.push('has no stack protector');
  return problems;
}

function isYounger(version, floor) {
  const [a, b] = [version, floor].map((text) => text.split('.').map(Number));
  const different = [0, 1, 2].find((part) => (a[part] ?? 0) !== (b[part] ?? 0));
  return different !== undefined && (a[different] ?? 0) > (b[different] ?? 0);
}

function machOProblems(file, arch) {
  const binary = readMachO(file);
  if (binary === undefined) return ['is no Mach-O file'];
  const problems = [];
  if (binary.cpu !== MACH_O_CPUS[arch]) problems.push('is for another processor');
  if (binary.oldest === undefined) problems.push('does not say which macOS it needs');
  else if (binary.oldest > OLDEST_MACOS) problems.push(`asks for macOS ${binary.oldest}; the floor is ${OLDEST_MACOS}`);
  for (const library of binary.libraries) if (library !== MACOS_LIBRARY && values.all) problems.push(`needs ${library}`);
  for (const name of binary.wanted) {
    if (!IN_THE_PROCESS.some((pattern) => pattern.test(name))) problems.push(`expects ${name} in the process`);
  }
  for (const name of ENTRY_POINTS) if (!binary.exported.includes(name)) problems.push(`does not export ${name}`);
  for (const name of binary.exported) if (!ENTRY_POINTS.includes(name)) problems.push(`exports ${name}`);
  // Without one an arm64 Mac loads nothing.
  if (arch === 'arm64' && !binary.signed) problems.push('is not signed');
  return problems;
}
