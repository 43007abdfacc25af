// The platforms that a binary is shipped for. Everywhere else, and where it does not load, the pure-Node engine works.

/**
 * By the name of Node's platform and architecture, on Linux with the C library. `os` is what binding.gyp calls the system, `target`
 * the cross compiler; the version in it is the oldest C library or macOS that the binary runs on.
 */
export const PLATFORMS = {
  'linux-x64-glibc': { os: 'linux', target: 'x86_64-linux-gnu.2.28' },
  'linux-arm64-glibc': { os: 'linux', target: 'aarch64-linux-gnu.2.28' },
  'linux-x64-musl': { os: 'linux', target: 'x86_64-linux-musl' },
  'linux-arm64-musl': { os: 'linux', target: 'aarch64-linux-musl' },
  'darwin-x64': { os: 'mac', target: 'x86_64-macos.11.0' },
  'darwin-arm64': { os: 'mac', target: 'aarch64-macos.11.0' },
};

/** Where the loader looks for it, from the root; the name is prebuildify's. */
export function prebuiltFileOf(platform) {
  const [os, arch, libc] = platform.split('-');
  return `prebuilds/${os}-${arch}/netmux${libc === undefined ? '' : `.${libc}`}.node`;
}

/** This machine's name among them, whether or not it is one of them. */
export function ownPlatform() {
  process.report.excludeNetwork = true;
  const libc = process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
  return [process.platform, process.arch, ...(process.platform === 'linux' ? [libc] : [])].join('-');
}
