/** All that is measured, in the order of the report. */
import { type Contestant, contestant, type Protocol } from './contestants.js';
import type { Bench, Scenario } from './scenario.js';
import { httpScenario } from './scenarios/http.js';
import { idleScenario } from './scenarios/idle.js';
import { messageScenarios } from './scenarios/messages.js';
import { programScenarios } from './scenarios/programs.js';
import { respScenarios } from './scenarios/resp.js';
import { timerScenarios } from './scenarios/timers.js';
import { trafficScenarios } from './scenarios/traffic.js';
import type { Target } from './targets.js';

export function allScenarios(bench: Pick<Bench, 'options' | 'descriptorLimit'>): Scenario[] {
  const { quick } = bench.options;
  const all = [
    ...messageScenarios(quick),
    ...trafficScenarios(quick),
    ...respScenarios(),
    httpScenario(),
    idleScenario(bench),
    ...timerScenarios(bench),
    ...programScenarios(),
  ].map((scenario) => withinLimit(scenario, bench.descriptorLimit));
  return quick && !bench.options.targets ? withEachServerOnce(all) : all;
}

/** What the targets are about, with those who are compared there and nobody else. */
export function targetScenarios(scenarios: readonly Scenario[], targets: readonly Target[]): Scenario[] {
  return scenarios.flatMap((scenario) => {
    const about = targets.filter((target) => target.scenario === scenario.name);
    const wanted = new Set(about.flatMap(({ contestant: own, measure }) => (measure.kind === 'ratio' ? [own, measure.to] : [own])));
    if (wanted.size === 0) return [];
    if (about.some(({ measure }) => measure.kind === 'ratio')) for (const id of scenario.pair ?? []) wanted.add(id);
    const contestants = scenario.contestants.filter((id) => wanted.has(id));
    return [{ ...scenario, contestants, references: scenario.references.filter((reference) => wanted.has(reference.contestant)) }];
  });
}

/** Descriptors that a server and a load have besides their connections. */
const RESERVED_DESCRIPTORS = 100;

function withinLimit(scenario: Scenario, descriptorLimit: number): Scenario {
  const connections = Number(scenario.parameters.connections ?? 0);
  if (connections + RESERVED_DESCRIPTORS <= descriptorLimit) return scenario;
  return { ...scenario, skipped: `a process may have ${descriptorLimit} descriptors here, which is too few` };
}

/** The quick form starts each server once for each protocol, and netmux and those that it is compared with in every scenario. */
function withEachServerOnce(scenarios: readonly Scenario[]): Scenario[] {
  const seen = new Set<string>();
  const isNew = (protocol: Protocol, { id }: Contestant): boolean => {
    const key = `${protocol} ${id}`;
    return !seen.has(key) && seen.add(key) !== undefined;
  };
  return scenarios.map((scenario) => {
    const always = new Set(['netmux-native', 'net', ...scenario.references.slice(-1).map((reference) => reference.contestant)]);
    const contestants = scenario.contestants.filter((id) => {
      if (id.endsWith('-again')) return false;
      return isNew(scenario.protocol, contestant(id)) || always.has(id);
    });
    const { pair: _pair, ...alone } = scenario;
    return { ...alone, contestants, references: scenario.references.filter((reference) => contestants.includes(reference.contestant)) };
  });
}
