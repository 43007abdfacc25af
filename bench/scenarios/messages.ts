/** Small messages, as many as go: ping-pong and pipelined lines. */
import type { Scenario } from '../scenario.js';
import { cpuFigure, DETAILS, rateFigure, traffic } from '../traffic.js';

export const MESSAGE_BYTES = 64;
export const FEW_CONNECTIONS = 64;
const LINES_IN_FLIGHT = [1, 16, 64];

/** The most that the smallest limit on descriptors in use leaves room for; the quick form shows that it works with fewer. */
const QUICK_CONNECTIONS = 500;

/** Everybody who speaks the protocol, or, where that tells little more, the three who matter. */
const ECHO_FIELD = [
  ...['netmux-native', 'netmux-newest', 'netmux-node', 'net', 'net-tuned', 'net-24', 'net-newest'],
  ...['bun', 'deno', 'go', 'epoll', 'epoll-again', 'epoll-batch'],
];
const LINES_FIELD = [
  ...['netmux-native', 'netmux-newest', 'netmux-node', 'net', 'net-no-delay', 'net-tuned', 'net-24', 'net-newest'],
  ...['bun', 'deno', 'go', 'epoll', 'epoll-again'],
];
const SMALL_FIELD = ['netmux-native', 'net', 'net-newest', 'bun', 'epoll', 'epoll-again'];

export const EPOLL_PAIR = ['epoll', 'epoll-again'] as const;

function pingPong(count: number, contestants: readonly string[], quick: boolean): Scenario {
  const connections = quick ? Math.min(count, QUICK_CONNECTIONS) : count;
  return {
    name: `ping-pong-${count}`,
    title: `${MESSAGE_BYTES}-byte ping-pong on ${connections} connections`,
    parameters: { connections, inFlight: 1, bytes: MESSAGE_BYTES },
    protocol: 'echo',
    figures: [cpuFigure('message'), rateFigure('messages'), ...DETAILS],
    better: 'lower',
    contestants,
    references: [
      { contestant: 'net', title: 'node:net' },
      { contestant: 'epoll', title: 'C epoll' },
    ],
    pair: EPOLL_PAIR,
    ...traffic({ mode: 'closed', framing: 'raw', connections, size: MESSAGE_BYTES, inFlight: 1 }),
  };
}

function lines(inFlight: number, contestants: readonly string[]): Scenario {
  return {
    name: `lines-${inFlight}`,
    title: `${MESSAGE_BYTES}-byte lines, ${inFlight} in flight on ${FEW_CONNECTIONS} connections, a write for each`,
    parameters: { connections: FEW_CONNECTIONS, inFlight, bytes: MESSAGE_BYTES },
    protocol: 'lines',
    figures: [rateFigure('lines'), cpuFigure('line'), ...DETAILS],
    better: 'higher',
    contestants,
    references: [
      { contestant: 'net', title: 'node:net' },
      { contestant: 'net-no-delay', title: 'noDelay' },
      { contestant: 'net-tuned', title: 'cork' },
      { contestant: 'epoll', title: 'C epoll' },
    ].filter((reference) => contestants.includes(reference.contestant)),
    pair: EPOLL_PAIR,
    ...traffic({
      mode: 'closed',
      framing: 'lines',
      connections: FEW_CONNECTIONS,
      size: MESSAGE_BYTES,
      inFlight,
    }),
  };
}

export function messageScenarios(quick: boolean): Scenario[] {
  return [
    pingPong(1, [...SMALL_FIELD, 'netmux-busy'], quick),
    pingPong(FEW_CONNECTIONS, ECHO_FIELD, quick),
    pingPong(1000, ECHO_FIELD, quick),
    pingPong(10_000, [...SMALL_FIELD, 'netmux-node', 'net-24'], quick),
    ...LINES_IN_FLIGHT.map((inFlight) => lines(inFlight, inFlight === 1 ? SMALL_FIELD : LINES_FIELD)),
  ];
}
