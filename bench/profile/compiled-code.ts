/** Names of the code that V8 makes, by address: what it writes with `--perf-basic-prof`. */
import { readFileSync, rmSync } from 'node:fs';

interface Code {
  readonly begin: number;
  readonly end: number;
  readonly name: string;
}

export class CompiledCode {
  /** By their beginning. Memory is used again: of two that overlap the later line is right. */
  private readonly codes: readonly Code[];

  private constructor(text: string) {
    const codes = new Map<number, Code>();
    for (const line of text.split('\n')) {
      const [, begin = '', size = '', name = ''] = /^([0-9a-f]+) ([0-9a-f]+) (.+)$/.exec(line) ?? [];
      if (begin === '') continue;
      const at = Number.parseInt(begin, 16);
      codes.set(at, { begin: at, end: at + Number.parseInt(size, 16), name });
    }
    this.codes = [...codes.values()].sort((a, b) => a.begin - b.begin);
  }

  static fileOf(pid: number): string {
    return `/tmp/perf-${pid}.map`;
  }

  /** Without names where the process has written none. The file is removed: a later process may get the same number. */
  static take(pid: number): CompiledCode {
    try {
      return new CompiledCode(readFileSync(CompiledCode.fileOf(pid), 'utf8'));
    } catch {
      return new CompiledCode('');
    } finally {
      rmSync(CompiledCode.fileOf(pid), { force: true });
    }
  }

  /** @param address as callgrind writes it, `0x…`; any other text is a name already */
  nameOf(address: string): string {
    if (!/^0x[0-9a-f]+$/.test(address)) return address;
    const at = Number.parseInt(address.slice(2), 16);
    let [low, high] = [0, this.codes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.codes[middle]!.begin <= at) low = middle + 1;
      else high = middle;
    }
    const code = this.codes[low - 1];
    return code !== undefined && at < code.end ? shorten(code.name) : address;
  }
}

/** `JS:*dispatch file:///…/dist/lib/index.cjs:12:3` without the way to the file. */
function shorten(name: string): string {
  return name.replace(/(file:\/\/)?\/\S*\/(dist|out)\//, '$2/');
}
