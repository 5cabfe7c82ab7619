// The table of thresholds covers the shipped detectors, and the page shows it.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { detectors } from '../bin/detectors.ts';
import type { OptionSpec } from '../src/detector/detector.ts';
import { thresholdTable, unmoved } from '../src/detector/thresholds.ts';
import { withTable } from './thresholds-table.ts';

const all = detectors.flatMap(({ meta }) =>
  Object.entries(meta.options as Record<string, OptionSpec>).map(([name, spec]) => ({ key: `${meta.id}.${name}`, name, spec })),
);
const moved = Object.values(thresholdTable).flatMap(({ options }) => Object.keys(options));

test('every option that it names is there and takes the move', () => {
  for (const { options } of Object.values(thresholdTable)) {
    for (const [key, move] of Object.entries(options)) {
      const spec = all.find((one) => one.key === key)?.spec;
      expect(['integer', 'number'], key).toContain(spec?.type);
      if (move === 'count') expect(spec?.type, key).toBe('integer');
    }
  }
  expect(new Set(moved).size).toBe(moved.length);
  for (const key of Object.keys(unmoved)) expect(all.map((one) => one.key)).toContain(key);
});

test('every score, likeness and count of repeats of a shipped detector is moved, or it is said why not', () => {
  const means =
    /^(report_at|suspect_at|risk_at|min_score|similarity|.*likeness.*|max_novelty|(un)?grounded_at|claims_at|drift_at|min_confidence)$/;
  const counts = /^min_(repeats|cycles|rounds|drift|similar|similar_outputs|visits|same|passes)$/;
  const alike = all.filter(({ name }) => means.test(name) || counts.test(name)).map(({ key }) => key);
  expect(alike.filter((key) => !moved.includes(key) && !(key in unmoved))).toEqual([]);
  expect(alike.length).toBeGreaterThan(30);
});

test('the page shows the table', () => {
  const page = readFileSync(new URL('../docs/thresholds.md', import.meta.url), 'utf8');
  expect(withTable(page, detectors)).toBe(page);
});
