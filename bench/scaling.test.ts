import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { assumptions, estimate, readAssumptions, tables } from './scaling.ts';

const page = readFileSync(new URL('../docs/scaling.md', import.meta.url), 'utf8');

describe('docs/scaling.md', () => {
  test.each([[[]], [['agentShare=0.2']]])('has what the program prints for %j', (args) => {
    expect(page).toContain(tables(readAssumptions(args)));
  });

  test('names every assumption with its value', () => {
    for (const [name, value] of Object.entries(assumptions)) expect(page).toContain(`| \`${name}\` | ${value} |`);
  });
});

test('ten times the rate is ten times the cores and bytes', () => {
  const one = estimate(100_000, 'all', assumptions);
  const ten = estimate(1_000_000, 'all', assumptions);
  expect(ten.cores / one.cores).toBeCloseTo(10);
  expect(ten.diskGb / one.diskGb).toBeCloseTo(10);
});

test.each([
  ['cores=1', "'cores' is no assumption"],
  ['toString=1', "'toString' is no assumption"],
  ['agentShare=2', 'agentShare must be above 0 and at most 1'],
  ['coreHour=', 'coreHour must be above 0'],
  ['coreHour=-1', 'coreHour must be above 0'],
  ['coreHour=cheap', "not 'cheap'"],
])('%s is refused', (arg, message) => {
  expect(() => readAssumptions([arg])).toThrow(message);
});
