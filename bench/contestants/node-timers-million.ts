/** A million timers by `setTimeout`. Prints JSON, as wheel_million.cc. */
const TIMERS = 1_000_000;

/** Node keeps a list for each delay: as many as idle connections would make. */
const DELAYS_MS = [300_000, 600_000, 900_000];

const before = process.memoryUsage.rss();
const timers: NodeJS.Timeout[] = [];
const begin = process.hrtime.bigint();
for (let i = 0; i < TIMERS; i++) timers.push(setTimeout(() => {}, DELAYS_MS[i % DELAYS_MS.length]));
const arm = Number(process.hrtime.bigint() - begin) / TIMERS;
const armed = (process.memoryUsage.rss() - before) / TIMERS;

const moveBegin = process.hrtime.bigint();
for (const timer of timers) timer.refresh();
const move = Number(process.hrtime.bigint() - moveBegin) / TIMERS;

console.log(JSON.stringify({ armed, arm, move }));
process.exit();
