/** The declarations of the package, as a project sees them that has installed it and `@types/node`, and has configured nothing. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

const PROGRAM = `
import { Mux } from 'netmux';
import { lines } from 'netmux/framing';
import { TestNetwork } from 'netmux/testing';

const mux = new Mux({ engine: new TestNetwork().engine });
mux.setCallbackObject({
  mux_input(mux, fh, data) {
    const taken: Uint8Array = data.take();
    fh.write(taken);
  },
});
lines({ maxLength: 10 });
`;

let project: string;

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'netmux-declarations-'));
  mkdirSync(join(project, 'node_modules/@types'), { recursive: true });
  symlinkSync(ROOT, join(project, 'node_modules/netmux'));
  for (const name of ['@types/node', 'undici-types']) {
    symlinkSync(join(ROOT, 'node_modules', name), join(project, 'node_modules', name));
  }
});

afterAll(() => rmSync(project, { recursive: true, force: true }));

describe('the declarations', () => {
  it('name what they are made of by themselves, for ES modules and for CommonJS', { timeout: 60_000 }, () => {
    const files = ['program.mts', 'program.cts'].map((name) => join(project, name));
    for (const file of files) writeFileSync(file, PROGRAM);
    const options = { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2022, strict: true, noEmit: true };
    const complaints = ts.getPreEmitDiagnostics(ts.createProgram(files, options));
    expect(complaints.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);
  });
});
