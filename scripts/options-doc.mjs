// Writes docs/options.md from the table of options. Run `npm run build:ts` before: the table is read from dist/.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { optionsDocument } from '../dist/server/options/document.js';
import { SERVER_OPTIONS } from '../dist/server/options/table.js';
import { root } from './toolchain.mjs';

writeFileSync(join(root, 'docs/options.md'), optionsDocument(SERVER_OPTIONS));
