// Writes docs/options.md, and the options that editors show, from the table of options. Run `npm run build:ts` before: the table is read from out/src/.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { optionsDocument, optionsInterface } from '../out/src/server/options/document.js';
import { SERVER_OPTIONS } from '../out/src/server/options/table.js';
import { root } from './toolchain.mjs';

writeFileSync(join(root, 'docs/options.md'), optionsDocument(SERVER_OPTIONS));
writeFileSync(join(root, 'src/server/options/server-options.ts'), optionsInterface(SERVER_OPTIONS));
