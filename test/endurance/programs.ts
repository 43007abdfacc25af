import type { Program } from './program.js';
import { churn } from './programs/churn.js';
import { descriptors } from './programs/descriptors.js';
import { neverReading } from './programs/never-reading.js';
import { slowloris } from './programs/slowloris.js';

/** All programs, in the order in which they are run. */
export const programs: readonly Program[] = [churn, descriptors, slowloris, neverReading];
