/** `npm run bench:report -- FILE`: the page of a run, the pictures and tables of the documents, and what changed since another run. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { comparisonLines } from './compare.js';
import { type DocumentName, performancePart, pictures, readmePart, replacePart } from './html/documents.js';
import { capacityPart } from './million/capacity.js';
import { UsageError } from './options.js';
import { readMillions, readResults, writePage } from './result-files.js';
import type { Results } from './results.js';
import { ROOT } from './toolchain.js';

const EXIT_USAGE = 2;

const USAGE = `npm run bench:report -- FILE [options]
  FILE             results of npm run bench; the page is written beside it
  --documents      also the pictures in docs/images and the generated parts of README.md,
                   docs/performance.md and docs/many-connections.md; without FILE only the last one, which is
                   made from the runs of bench:million that are kept
  --compare=OLD    what has changed since these older results
  --help           this text`;

function writePictures(results: Results): void {
  for (const [path, svg] of pictures(results)) {
    mkdirSync(dirname(join(ROOT, path)), { recursive: true });
    writeFileSync(join(ROOT, path), svg);
    console.log(path);
  }
}

function writePart(name: DocumentName, part: string): void {
  const file = join(ROOT, name);
  const document = existsSync(file) ? replacePart(readFileSync(file, 'utf8'), part) : undefined;
  if (document !== undefined) writeFileSync(file, document);
  console.log(document === undefined ? `${name}: has no marks for a generated part, left alone` : name);
}

function writeDocuments(results: Results | undefined): void {
  if (results?.quick) throw new UsageError('--documents: these results are of the quick form, whose figures mean nothing');
  const millions = readMillions();
  writePart('docs/many-connections.md', capacityPart(millions));
  if (results === undefined) return;
  writePictures(results);
  writePart('README.md', readmePart(results));
  writePart('docs/performance.md', performancePart(results, millions));
}

function main(): void {
  const { values, positionals } = parse(process.argv.slice(2));
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const [file, ...more] = positionals;
  const needsFile = !values.documents || values.compare !== undefined;
  if (more.length > 0 || (file === undefined && needsFile)) throw new UsageError('one FILE is wanted');
  const results = file === undefined ? undefined : readResults(file);
  if (file !== undefined && results !== undefined) console.log(relative(process.cwd(), writePage(file, results)));
  if (values.documents) writeDocuments(results);
  if (results === undefined || values.compare === undefined) return;
  for (const line of comparisonLines(readResults(values.compare), results)) console.log(line);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { documents: { type: 'boolean' }, compare: { type: 'string' }, help: { type: 'boolean' } },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

try {
  main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n${USAGE}`);
  process.exitCode = EXIT_USAGE;
}
