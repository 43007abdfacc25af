import { expect } from 'vitest';
import { Reference } from './reference.js';
import type { ReferenceConnection } from './reference-connection.js';
import type { Script } from './script.js';
import { SocketSystem } from './socket-system.js';
import type { System } from './system.js';

/** Plays a script on a system and on the reference. @throws an assertion where they differ */
export async function play({ steps, ...settings }: Script, system: System): Promise<void> {
  const reference = new Reference(settings, system.traits, () => system.listed());
  const expected = () =>
    reference.connections.map(({ trace, answers, seen, seenOver, ...c }) => {
      const client = canTell(c) ? { seen, ...(c.isClientReading && { over: seenOver }) } : {};
      return { trace: [...trace.lines], answers: [...answers], ...client };
    });
  const actual = () =>
    reference.connections.map(({ seenOver, ...c }, index) => {
      const over = endingOf(system.look(index), seenOver);
      const client = canTell(c) ? { seen: system.received[index], ...(c.isClientReading && { over }) } : {};
      return { trace: [...system.traces[index]!.lines], answers: [...system.answers[index]!], ...client };
    });
  const isThrough = () => JSON.stringify(actual()) === JSON.stringify(expected());
  for (const step of steps) {
    if (!reference.take(step)) continue;
    await system.take(step, 'open' in step && reference.connections[step.open]!.isEstablished);
    await system.settle(isThrough);
    expect({ step, connections: actual() }).toEqual({ step, connections: expected() });
  }
  checkCounts(reference, system);
  if (system instanceof SocketSystem && !reference.isEnding) await system.fence();
  expect(actual()).toEqual(expected());
  system.forgetPlans();
  system.askAll();
  await system.end();
  for (const [connection, { lines }] of system.traces.entries()) checkOrder(connection, lines, reference.connections[connection]!);
  expect(system.offences).toEqual([]);
}

/** A client that has reset its connection has got what it has got. */
function canTell({ isPeerGone, isTorn }: Pick<ReferenceConnection, 'isPeerGone' | 'isTorn'>): boolean {
  return !isPeerGone && !isTorn;
}

function endingOf(over: string | undefined, expected: string | undefined): string | undefined {
  if (over !== undefined && expected === 'any') return 'any';
  return over === 'ECONNRESET' ? 'reset' : over;
}

/** Whoever came is open, or was closed for a reason; the bytes that the server counts are those that its clients have seen. */
function checkCounts(reference: Reference, system: System): void {
  const { stats } = system;
  system.readTraffic();
  const reasons = Object.entries(stats.closed).filter(([, count]) => count > 0);
  expect(Object.fromEntries(reasons)).toEqual(reference.closed);
  const { accepted, connected, added, dropped, timeouts, handles } = stats;
  const open = reference.connections.filter(({ isAlive }) => isAlive);
  expect({ accepted, connected, added, dropped, timeouts, refused: stats.refused.listener }).toEqual(reference.counts);
  expect(handles).toBe(open.length);
  const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);
  expect([stats.bytesRead, stats.bytesWritten]).toEqual([sum(system.bytesRead), sum(system.bytesWritten)]);
  for (const [index, c] of reference.connections.entries()) {
    if (canTell(c) && c.isEstablished && c.isClientReading) expect(system.bytesWritten[index]).toBe(c.delivered);
    if (c.isAlive && c.reading === 'open') expect(system.bytesRead[index]).toBe(c.sent);
    expect(system.bytesRead[index]).toBeLessThanOrEqual(c.sent);
  }
}

/** `mux_connection` first, `mux_close` last, each once; one end of input at most. */
function checkOrder(connection: number, lines: readonly string[], { isRefused, isRemoved, isEstablished }: ReferenceConnection): void {
  if (lines.length === 0 || isRefused) return;
  const counted = (callback: string) => lines.filter((line) => line.split(' ')[0] === callback).length;
  const isClosed = counted('mux_close') === 1 && lines.at(-1) === 'mux_close';
  expect({ connection, isClosed }).toEqual({ connection, isClosed: !isRemoved });
  expect(counted('mux_eof')).toBeLessThanOrEqual(1);
  expect(counted('mux_connection')).toBeLessThanOrEqual(1);
  if (isEstablished && counted('mux_connection') === 1) expect(lines[0]).toBe('mux_connection');
}
