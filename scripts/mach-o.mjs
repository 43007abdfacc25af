// What macOS will want to know of a binary: read from the file itself, since the tools that show it are Apple's.
import { readFileSync } from 'node:fs';

const MAGIC = 0xfeedfacf;
const HEADER_BYTES = 32;
const SYMBOL_BYTES = 16;

const LC_SYMTAB = 0x2;
const LC_LOAD_DYLIB = 0xc;
const LC_CODE_SIGNATURE = 0x1d;
const LC_BUILD_VERSION = 0x32;

/** Bits of a symbol's type: a debugger's entry, seen within this file alone, what kind it is of, seen beyond its source. */
const N_STAB = 0xe0;
const N_PEXT = 0x10;
const N_TYPE = 0x0e;
const N_EXT = 0x01;
const N_UNDEFINED = 0;

/** In place of a library's number: whatever is loaded in the process has it. */
const DYNAMIC_LOOKUP = 0xfe;

/**
 * @param {string} file
 * @returns {{ cpu: number, oldest?: number, libraries: string[], signed: boolean, exported: string[], wanted: string[] } | undefined}
 *   `oldest`: of macOS, its first number. `libraries`: those it names. `wanted`: the symbols that it expects of the process, which are
 *   in none of them. `undefined`: it is no Mach-O file.
 */
export function readMachO(file) {
  const data = readFileSync(file);
  if (data.length < HEADER_BYTES || data.readUInt32LE(0) !== MAGIC) return undefined;
  const found = { cpu: data.readUInt32LE(4), libraries: [], signed: false, exported: [], wanted: [] };
  for (let at = HEADER_BYTES, left = data.readUInt32LE(16); left > 0 && at + 8 <= data.length; left -= 1) {
    const command = data.readUInt32LE(at);
    if (command === LC_BUILD_VERSION) found.oldest = data.readUInt32LE(at + 12) >>> 16;
    if (command === LC_LOAD_DYLIB) found.libraries.push(textAt(data, at + data.readUInt32LE(at + 8)));
    if (command === LC_CODE_SIGNATURE) found.signed = true;
    if (command === LC_SYMTAB) readSymbols(data, at, found);
    at += data.readUInt32LE(at + 4);
  }
  return found;
}

function readSymbols(data, command, { exported, wanted }) {
  const [symbols, count, names] = [8, 12, 16].map((offset) => data.readUInt32LE(command + offset));
  for (let at = symbols; at < symbols + count * SYMBOL_BYTES; at += SYMBOL_BYTES) {
    const type = data.readUInt8(at + 4);
    if ((type & (N_STAB | N_PEXT)) !== 0 || (type & N_EXT) === 0) continue;
    const name = textAt(data, names + data.readUInt32LE(at));
    if ((type & N_TYPE) !== N_UNDEFINED) exported.push(name);
    else if (data.readUInt16LE(at + 6) >>> 8 === DYNAMIC_LOOKUP) wanted.push(name);
  }
}

function textAt(data, start) {
  return data.toString('latin1', start, data.indexOf(0, start));
}
