/** The programs of docs/testing-your-server.md, run as printed. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { codeBlocks, folderWithNetmux, readDocument } from '../examples/documents.js';
import { run } from '../examples/programs.js';

const programs = codeBlocks(readDocument('docs/testing-your-server.md'), 'js');

describe('docs/testing-your-server.md', () => {
  it('has programs', () => {
    expect(programs).toHaveLength(2);
  });

  it.each(programs.map((code, index) => [index + 1, code] as const))('test file %i passes with node --test', async (_, code) => {
    const file = join(folderWithNetmux(), 'printed.test.mjs');
    writeFileSync(file, code);
    const { code: status, stdout } = await run(process.execPath, ['--test', '--test-reporter=tap', file]);
    expect(stdout).toMatch(/^# fail 0$/m);
    expect(stdout).not.toMatch(/^# pass 0$/m);
    expect(status).toBe(0);
  });
});
