/** Results on disk, and the page beside them. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { renderPage } from './html/page.js';
import { MILLION_FORMAT, type MillionResult } from './million/result.js';
import { UsageError } from './options.js';
import { RESULTS_FORMAT, type Results } from './results.js';
import { ROOT } from './toolchain.js';

/** Where results go unless another place is named. */
export const RESULTS_FOLDER = join(ROOT, 'bench/results');

/** Named by the time at which the run began: there may be several a day. */
export function defaultFile({ date }: Pick<Results, 'date'>): string {
  return join(RESULTS_FOLDER, `${date.slice(0, 16).replaceAll(':', '')}.json`);
}

/** @throws UsageError when the file is not one of ours, or of another format */
export function readResults(file: string): Results {
  let results: Results;
  try {
    results = JSON.parse(readFileSync(file, 'utf8')) as Results;
  } catch (error) {
    throw new UsageError(`${file}: ${(error as Error).message}`);
  }
  const { format } = results;
  if (format !== RESULTS_FORMAT) throw new UsageError(`${file}: results of format ${format}, this program reads ${RESULTS_FORMAT}`);
  return results;
}

/** @returns the files that were written: the results, and the page */
export function writeResults(file: string, results: Results): string[] {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`);
  return [file, writePage(file, results)];
}

/** @returns where the page is */
export function writePage(file: string, results: Results): string {
  const page = `${file.replace(/\.json$/, '')}.html`;
  writeFileSync(page, renderPage(results));
  return page;
}

/** The runs with very many connections that are kept, the largest last. */
export function readMillions(): MillionResult[] {
  if (!existsSync(RESULTS_FOLDER)) return [];
  return readdirSync(RESULTS_FOLDER)
    .filter((name) => /^million-\d+\.json$/.test(name))
    .map((name) => JSON.parse(readFileSync(join(RESULTS_FOLDER, name), 'utf8')) as MillionResult)
    .filter(({ format }) => format === MILLION_FORMAT)
    .sort((a, b) => a.connections - b.connections);
}
