/** Other kinds of traffic: streams, churn, a fixed rate, one speaker and many listeners. */
import type { Scenario } from '../scenario.js';
import { cpuFigure, DETAILS, rateFigure, traffic } from '../traffic.js';
import { EPOLL_PAIR, FEW_CONNECTIONS, MESSAGE_BYTES } from './messages.js';

const STREAM_BYTES = 65_536;
const STREAM_CONNECTIONS = 8;

/** Enough that the server always has some to accept, few enough that none waits long. */
const CHURN_CONNECTIONS = 32;

/** A fifth of what one core can do here: busy, and no queue. */
const OPEN_PER_SECOND = 20_000;
const QUICK_PER_SECOND = 2000;

const RECEIVERS = 10_000;
const QUICK_RECEIVERS = 300;

const CONTESTANTS = ['netmux-native', 'netmux-node', 'net', 'net-24', 'net-newest', 'bun', 'go', 'epoll', 'epoll-again'];

const COMMON = {
  protocol: 'echo',
  better: 'lower',
  contestants: CONTESTANTS,
  references: [
    { contestant: 'net', title: 'node:net' },
    { contestant: 'epoll', title: 'C epoll' },
  ],
  pair: EPOLL_PAIR,
} as const;

const stream: Scenario = {
  ...COMMON,
  name: 'stream',
  title: `${STREAM_BYTES / 1024} KiB there and back on ${STREAM_CONNECTIONS} connections`,
  parameters: { connections: STREAM_CONNECTIONS, inFlight: 1, bytes: STREAM_BYTES },
  figures: [cpuFigure('64 KiB'), rateFigure('64 KiB'), ...DETAILS],
  ...traffic({
    mode: 'closed',
    framing: 'raw',
    connections: STREAM_CONNECTIONS,
    size: STREAM_BYTES,
    inFlight: 1,
  }),
};

const churn: Scenario = {
  ...COMMON,
  name: 'churn',
  title: `connect, ${MESSAGE_BYTES} bytes there and back, reset; ${CHURN_CONNECTIONS} at a time`,
  parameters: { connections: CHURN_CONNECTIONS, inFlight: 1, bytes: MESSAGE_BYTES },
  figures: [cpuFigure('connection'), rateFigure('connections'), ...DETAILS],
  ...traffic({ mode: 'churn', framing: 'raw', connections: CHURN_CONNECTIONS, size: MESSAGE_BYTES }),
};

function openLoop(quick: boolean): Scenario {
  const perSecond = quick ? QUICK_PER_SECOND : OPEN_PER_SECOND;
  return {
    ...COMMON,
    name: 'open-loop',
    title: `${perSecond} messages of ${MESSAGE_BYTES} bytes a second over ${FEW_CONNECTIONS} connections, latency from the planned time`,
    parameters: { connections: FEW_CONNECTIONS, bytes: MESSAGE_BYTES, perSecond },
    figures: [
      { key: 'p99', title: 'p99', unit: 'µs', digits: 0 },
      { key: 'p50', title: 'p50', unit: 'µs', digits: 0 },
      { key: 'p90', title: 'p90', unit: 'µs', digits: 0 },
      { key: 'p999', title: 'p99.9', unit: 'µs', digits: 0, ranged: true },
      { key: 'max', title: 'most', unit: 'µs', digits: 0 },
      cpuFigure('message'),
      { key: 'rate', title: '', unit: 'messages/s', digits: 0 },
    ],
    ...traffic({
      mode: 'open',
      framing: 'raw',
      connections: FEW_CONNECTIONS,
      size: MESSAGE_BYTES,
      perSecond,
    }),
  };
}

function broadcast(quick: boolean): Scenario {
  const connections = quick ? QUICK_RECEIVERS : RECEIVERS;
  return {
    ...COMMON,
    protocol: 'broadcast',
    name: 'broadcast',
    title: `a line of ${MESSAGE_BYTES} bytes to ${connections} connections, again and again`,
    parameters: { connections, bytes: MESSAGE_BYTES },
    figures: [cpuFigure('delivery'), rateFigure('deliveries'), ...DETAILS],
    contestants: ['netmux-native', 'netmux-node', 'net', 'net-newest', 'epoll', 'epoll-again'],
    ...traffic({ mode: 'broadcast', framing: 'lines', connections, size: MESSAGE_BYTES }),
  };
}

export function trafficScenarios(quick: boolean): Scenario[] {
  return [stream, churn, openLoop(quick), broadcast(quick)];
}
