// docs/rules.md names a test for each rule: it has to be there, under that name.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { read, root } from './sources.js';

const RULES = 30;

interface Rule {
  readonly title: string;
  readonly number: number;
  readonly tests: readonly { readonly file: string; readonly title: string }[];
}

const rules = read('docs/rules.md')
  .split(/^### /m)
  .slice(1)
  .map((text): Rule => {
    const tests = [...text.matchAll(/^- `(test\/[^`]+)`: (.+)$/gm)].map(([, file, title]) => ({ file: file!, title: title! }));
    return { title: text.split('\n', 1)[0]!, number: Number.parseInt(text, 10), tests };
  });

/** The names that the tests of a file have in its source: first arguments of `it`, `it.each(…)` …, in C++ of `TEST`. */
function titlesIn(file: string): string[] {
  if (!file.endsWith('.ts')) return [...read(file).matchAll(/^TEST\("(.*)"\)/gm)].map(([, title]) => title!);
  const titles: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && calledName(node.expression) === 'it') {
      const [title] = node.arguments;
      if (title !== undefined && ts.isStringLiteralLike(title)) titles.push(title.text);
    }
    node.forEachChild(visit);
  };
  visit(ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest));
  return titles;
}

/** `it` of `it(…)`, `it.each(…)(…)`, `it.skipIf(…)(…)`. */
function calledName(callee: ts.Expression): string | undefined {
  if (ts.isIdentifier(callee)) return callee.text;
  return ts.isPropertyAccessExpression(callee) || ts.isCallExpression(callee) ? calledName(callee.expression) : undefined;
}

describe('docs/rules.md', () => {
  it('has thirty rules in order', () => {
    expect(rules.map(({ number }) => number)).toEqual(Array.from({ length: RULES }, (_, index) => index + 1));
  });

  it.each(rules)('rule $title: its tests are there', ({ tests }) => {
    expect(tests.length).toBeGreaterThan(0);
    for (const { file, title } of tests) {
      expect(existsSync(join(root, file)), file).toBe(true);
      expect(titlesIn(file), `${file}: ${title}`).toContain(title);
    }
  });
});
