import type { Action, Callback } from './script.js';

/** What is done in a callback, and to whom. */
export interface Plan {
  readonly orders: readonly Action[];
  readonly to: number;
}

/** One-shot plans, by callback and connection, in their order. */
export class Plans {
  readonly #plans = new Map<string, Plan[]>();

  add(when: Callback, of: number, plan: Plan): void {
    const key = `${when} ${of}`;
    this.#plans.set(key, [...(this.#plans.get(key) ?? []), plan]);
  }

  take(when: Callback, of: number): Plan | undefined {
    return this.#plans.get(`${when} ${of}`)?.shift();
  }

  clear(): void {
    this.#plans.clear();
  }

  has(when: Callback, of: number): boolean {
    return (this.#plans.get(`${when} ${of}`)?.length ?? 0) > 0;
  }
}

/** The callbacks of a connection, with the bytes that were consumed or, at the end, left, or a code; inputs that follow each other are one. */
export class Trace {
  readonly lines: string[] = [];

  add(callback: Callback, detail: number | string): void {
    const last = /^mux_input (\d+)$/.exec(this.lines.at(-1) ?? '');
    if (callback === 'mux_eof' || callback === 'mux_error') this.lines.push(`${callback} ${detail}`);
    else if (callback !== 'mux_input') this.lines.push(callback);
    else if (last === null) this.lines.push(`mux_input ${detail}`);
    else this.lines[this.lines.length - 1] = `mux_input ${Number(last[1]) + Number(detail)}`;
  }
}
