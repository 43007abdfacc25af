/** What netmux has to reach, as data: `npm run bench -- --targets` measures these and judges each. */

/** What a figure is held against. */
export type Measure =
  /** `times` the same metric of another contestant in the same round, at most or at least. */
  | { readonly kind: 'ratio'; readonly to: string; readonly times: number; readonly aim?: number }
  /** `bound` in the unit of the metric, at most. */
  | { readonly kind: 'bound'; readonly bound: number; readonly aim?: number };

export interface Target {
  /** Number of the row in docs/performance.md. */
  readonly row: number;
  readonly what: string;
  readonly scenario: string;
  readonly metric: string;
  readonly contestant: string;
  readonly better: 'lower' | 'higher';
  readonly measure: Measure;
  /** Majors of the node of this run that it applies to; all unless given. */
  readonly nodeBelow?: number;
}

type Common = Pick<Target, 'row' | 'what' | 'scenario' | 'metric' | 'better'>;

function of(common: Common, contestant: string, ...measures: readonly Measure[]): Target[] {
  return measures.map((measure) => ({ ...common, contestant, measure }));
}

function times(to: string, factor: number, aim?: number): Measure {
  return { kind: 'ratio', to, times: factor, ...(aim === undefined ? {} : { aim }) };
}

function bound(limit: number, aim?: number): Measure {
  return { kind: 'bound', bound: limit, ...(aim === undefined ? {} : { aim }) };
}

const US = 'netmux-native';

/** The sockets of Node 20 are slower than those of its successors: a factor of its own. */
function beyondNode(common: Common, newer: number, twenty: number): Target[] {
  return [
    ...of(common, US, times('net-24', newer), times('net-newest', newer)),
    ...of(common, US, times('net', twenty)).map((target) => ({ ...target, nodeBelow: 24 })),
  ];
}

function pingPong(connections: number, ofC: number, newer: number, twenty: number): Target[] {
  const common = { row: 1, what: `CPU per message, ${connections} connections`, scenario: `ping-pong-${connections}` } as const;
  return [
    ...of({ ...common, metric: 'cpu', better: 'lower' }, US, times('epoll', ofC, 1)),
    ...beyondNode({ ...common, metric: 'cpu', better: 'lower' }, newer, twenty),
    ...of(
      { ...common, row: 2, what: `of it in user space, ${connections} connections`, metric: 'user', better: 'lower' },
      US,
      bound(0.6, 0.3),
    ),
  ];
}

function resp(inFlight: number, aim?: number): Target[] {
  const what = `RESP PING, ${inFlight} in flight`;
  return of({ row: 4, what, scenario: `resp-${inFlight}`, metric: 'rate', better: 'higher' }, US, times('redis', 0.95, aim));
}

const LINES = {
  row: 3,
  what: '64-byte lines, 16 in flight, a write for each',
  scenario: 'lines-16',
  metric: 'rate',
  better: 'higher',
} as const;
const STREAM = { row: 5, what: '64 KiB stream', scenario: 'stream', metric: 'cpu', better: 'lower' } as const;
const CHURN = { row: 6, what: 'connect, echo, reset', scenario: 'churn', metric: 'cpu', better: 'lower' } as const;
const IDLE = { row: 7, scenario: 'idle', metric: 'whole', better: 'lower' } as const;
const OPEN = { row: 10, scenario: 'open-loop', better: 'lower' } as const;
const BROADCAST = { row: 11, what: 'one message to 10,000 receivers', scenario: 'broadcast', metric: 'cpu', better: 'lower' } as const;
const HTTP = { row: 12, what: 'HTTP hello', scenario: 'http', metric: 'rate', better: 'higher' } as const;

const BUSY_POLL = {
  row: 13,
  what: 'one connection with busy polling, p50',
  scenario: 'ping-pong-1',
  metric: 'p50',
  better: 'lower',
} as const;

export const TARGETS: readonly Target[] = [
  ...pingPong(64, 1.15, 0.75, 0.65),
  ...pingPong(1000, 1.25, 0.75, 0.65),
  ...pingPong(10_000, 1.15, 0.85, 0.85),
  ...of(LINES, US, times('net', 8), times('net-tuned', 2), times('epoll', 0.6, 0.85)),
  ...resp(16),
  ...resp(64, 1.2),
  ...of(STREAM, US, times('epoll', 1.2, 1)),
  ...of(CHURN, US, times('epoll', 1.3, 1.15), times('net-24', 0.7), times('net-newest', 0.7)),
  ...of({ ...IDLE, what: 'idle connection, plain callback object' }, US, bound(400, 250)),
  ...of({ ...IDLE, what: 'idle connection, MultiplexServer' }, 'netmux-server', bound(550, 250)),
  ...of({ row: 9, what: 'moving a timer later', scenario: 'timers', metric: 'move', better: 'lower' }, US, bound(20, 10)),
  ...of(
    { row: 9, what: 'each of a million armed timers', scenario: 'million-timers', metric: 'armed', better: 'lower' },
    'wheel',
    bound(32),
  ),
  ...of({ row: 9, what: 'wake-ups while none is due', scenario: 'wake-ups', metric: 'wakeUps', better: 'lower' }, US, bound(0)),
  ...of({ row: 9, what: 'timers that come too early', scenario: 'lateness', metric: 'early', better: 'lower' }, US, bound(0)),
  // A delay ends inside of a tick, which is rounded up, and the tick that it may be late comes on top.
  ...of({ row: 9, what: 'lateness of nine timers in ten', scenario: 'lateness', metric: 'late', better: 'lower' }, US, bound(2)),
  ...of({ ...OPEN, what: '20,000 messages/s, p99', metric: 'p99' }, US, times('epoll', 1.3, 1)),
  ...of({ ...OPEN, what: '20,000 messages/s, p99.9', metric: 'p999' }, US, times('epoll', 1.3, 1)),
  ...of(BROADCAST, US, times('epoll', 1.15, 1)),
  ...of(HTTP, US, times('bun', 1), times('net', 3)),
  ...of(BUSY_POLL, 'netmux-busy', times(US, 0.65)),
  ...of({ row: 14, what: 'import of the package', scenario: 'import', metric: 'import', better: 'lower' }, 'import', bound(20, 10)),
];
