/** An initial RAM file system in the kernel's own format (cpio, "newc"): all that the guest has for a disk. */

const DIRECTORY = 0o40755;
const EXECUTABLE = 0o100755;
const SYMBOLIC_LINK = 0o120777;
const CHARACTER_DEVICE = 0o20600;

const MAGIC = '070701';
const LAST_NAME = 'TRAILER!!!';
const ALIGNMENT = 4;

interface Entry {
  readonly name: string;
  readonly mode: number;
  readonly data?: Buffer;
  readonly modifiedSeconds?: number;
  readonly device?: readonly [major: number, minor: number];
}

export class Initramfs {
  readonly #parts: Buffer[] = [];
  readonly #directories = new Set<string>(['']);
  #entries = 0;

  /** @param path absolute, as are all paths here; the folders above it come into being with it */
  addDirectory(path: string): void {
    const name = path.replace(/^\/+|\/+$/g, '');
    if (this.#directories.has(name)) return;
    this.addDirectory(name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : '');
    this.#directories.add(name);
    this.#add({ name, mode: DIRECTORY });
  }

  /** @param modified matters where programs compare the ages of files; whole seconds are kept */
  addFile(path: string, data: Buffer | string, modified = new Date(0)): void {
    const modifiedSeconds = Math.floor(modified.getTime() / 1000);
    this.#addBelow(path, { mode: EXECUTABLE, data: Buffer.from(data), modifiedSeconds });
  }

  addLink(path: string, target: string): void {
    this.#addBelow(path, { mode: SYMBOLIC_LINK, data: Buffer.from(target) });
  }

  addDevice(path: string, major: number, minor: number): void {
    this.#addBelow(path, { mode: CHARACTER_DEVICE, device: [major, minor] });
  }

  /** The archive. Not packed: unpacking takes an emulated processor longer than reading. */
  finish(): Buffer {
    this.#add({ name: LAST_NAME, mode: 0 });
    return Buffer.concat(this.#parts);
  }

  #addBelow(path: string, entry: Omit<Entry, 'name'>): void {
    const slash = path.lastIndexOf('/');
    this.addDirectory(path.slice(0, slash));
    this.#add({ ...entry, name: path.replace(/^\/+/, '') });
  }

  #add({ name, mode, data = Buffer.alloc(0), modifiedSeconds = 0, device = [0, 0] }: Entry): void {
    const bytes = Buffer.from(`${name}\0`);
    this.#entries++;
    const [owner, group, links, check] = [0, 0, 1, 0];
    const [diskMajor, diskMinor] = [0, 0];
    const fields = [
      this.#entries,
      mode,
      owner,
      group,
      links,
      modifiedSeconds,
      data.length,
      diskMajor,
      diskMinor,
      ...device,
      bytes.length,
      check,
    ];
    this.#append(Buffer.concat([Buffer.from(MAGIC + fields.map((field) => field.toString(16).padStart(8, '0')).join('')), bytes]));
    this.#append(data);
  }

  #append(part: Buffer): void {
    this.#parts.push(part, Buffer.alloc((ALIGNMENT - (part.length % ALIGNMENT)) % ALIGNMENT));
  }
}
