/** All that is measured, in the order of the report. */
import type { Bench, Scenario } from './scenario.js';
import { idleScenario } from './scenarios-idle.js';
import { messageScenarios } from './scenarios-messages.js';
import { respScenarios } from './scenarios-resp.js';
import { timerScenario } from './scenarios-timers.js';

export function allScenarios(bench: Pick<Bench, 'options' | 'descriptorLimit'>): Scenario[] {
  return [...messageScenarios(bench.options.quick), ...respScenarios(), idleScenario(bench), timerScenario(bench)];
}
