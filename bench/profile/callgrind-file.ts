/** Reads what callgrind writes: only the cost of each function itself. */

export interface CallgrindCosts {
  /** The program or library; empty or '???' for code that was made at run time. */
  readonly object: string;
  readonly name: string;
  /** Instructions in the function itself, without those it calls. */
  readonly self: number;
}

/** `ob=(3) /usr/bin/node` introduces a name, `ob=(3)` uses it again. */
class Names {
  private readonly names = new Map<string, string>();

  read(text: string): string {
    const [, id = '', name] = /^(\(\d+\))(?: (.*))?$/.exec(text) ?? [];
    if (name !== undefined) this.names.set(id, name);
    return this.names.get(id) ?? text;
  }
}

/** @param text in callgrind's format, version 1, with one event */
export function parseCallgrind(text: string): CallgrindCosts[] {
  const objects = new Names();
  const functions = new Names();
  const costs = new Map<string, { object: string; name: string; self: number }>();
  let object = '';
  let current: { object: string; name: string; self: number } | undefined;
  let isCall = false;
  for (const line of text.split('\n')) {
    if (line.startsWith('ob=')) {
      object = objects.read(line.slice(3));
    } else if (line.startsWith('cob=')) {
      objects.read(line.slice(4));
    } else if (line.startsWith('cfn=')) {
      functions.read(line.slice(4));
    } else if (line.startsWith('fn=')) {
      const name = functions.read(line.slice(3));
      const key = `${object}\n${name}`;
      current = costs.get(key) ?? { object, name, self: 0 };
      costs.set(key, current);
    } else if (line.startsWith('calls=')) {
      isCall = true;
    } else if (/^[+\-*\d]/.test(line) && current !== undefined) {
      // The line behind a call tells what it cost, which belongs to the called function.
      if (!isCall) current.self += Number(line.split(' ')[1] ?? 0);
      isCall = false;
    }
  }
  return [...costs.values()];
}
