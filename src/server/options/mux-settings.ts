import type { MuxOptions } from '../../mux/options.js';
import { type MuxServerSettings, PASSED_ON, snakeCase } from './mux-rows.js';

/** The part of a server's settings that its multiplexer is made with. */
export function muxOptionsOf(settings: MuxServerSettings): MuxOptions {
  const values = settings as unknown as Readonly<Record<string, unknown>>;
  return Object.fromEntries(PASSED_ON.map((name) => [name, values[snakeCase(name)]]));
}
