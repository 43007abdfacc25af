// native/contract.h and src/native/contract.ts are one page in two languages.
import { describe, expect, it } from 'vitest';
import * as contract from '../../src/native/contract.js';
import { read } from './sources.js';

type Numbers = Record<string, number>;

/** `kReadSlabBytes` → `READ_SLAB_BYTES`. */
function screamed(name: string): string {
  return name
    .replace(/^k/, '')
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toUpperCase();
}

/** A number, a product or a shift, as the header has them. */
function evaluate(expression: string): number {
  const [left, operator, right] = expression.trim().split(/\s*(\*|<<)\s*/);
  const number = (text: string | undefined) => {
    const value = Number(text?.replace(/u$/i, ''));
    if (!Number.isInteger(value)) throw new Error(`not understood: ${expression}`);
    return value;
  };
  if (operator === undefined) return number(left);
  return operator === '*' ? number(left) * number(right) : number(left) << number(right);
}

function constantsOfHeader(header: string): Numbers {
  return Object.fromEntries(
    [...header.matchAll(/^constexpr\s+\w+\s+(k\w+)\s*=\s*([^;]+);/gm)].map(([, name, value]) => [screamed(name!), evaluate(value!)]),
  );
}

function enumsOfHeader(header: string): Record<string, Numbers> {
  return Object.fromEntries(
    [...header.matchAll(/^enum\s+(?:class\s+)?(\w+)\s*:\s*\w+\s*\{([^}]*)\}/gm)].map(([, name, body]) => [
      name,
      Object.fromEntries([...body!.matchAll(/(\w+)\s*=\s*([^,\n]+),/g)].map(([, member, value]) => [member, evaluate(value!)])),
    ]),
  );
}

/** Compiled enums also map values to names; those entries are left out. */
function membersOf(compiled: object): Numbers {
  return Object.fromEntries(Object.entries(compiled).filter(([, value]) => typeof value === 'number'));
}

const header = read('native/contract.h').replace(/\/\/.*$/gm, '');
const constants = Object.fromEntries(Object.entries(contract).filter(([, value]) => typeof value === 'number'));
const enums = Object.fromEntries(
  Object.entries(contract)
    .filter(([, value]) => typeof value === 'object')
    .map(([name, value]) => [name, membersOf(value as object)]),
);

describe('the contract', () => {
  it('gives every constant the same name and value on both sides', () => {
    expect(Object.keys(constants).length).toBeGreaterThan(0);
    expect(constantsOfHeader(header)).toEqual(constants);
  });

  it('gives every enum the same members and values on both sides', () => {
    expect(Object.keys(enums).length).toBeGreaterThan(0);
    expect(enumsOfHeader(header)).toEqual(enums);
  });

  it('leaves no constant and no enum of either page uncompared', () => {
    expect(header.match(/^(constexpr|enum)\b/gm)).toHaveLength(Object.keys(constants).length + Object.keys(enums).length);
    const page = read('src/native/contract.ts');
    expect(page.match(/^export (const|const enum) /gm)).toHaveLength(Object.keys(constants).length + Object.keys(enums).length);
  });
});
