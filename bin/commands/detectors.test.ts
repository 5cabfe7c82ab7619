import { expect, test } from 'vitest';
import type { DetectorMeta } from '../../src/detector/detector.ts';
import { detectors } from '../detectors.ts';
import { page, statusTable, table } from './detectors.ts';

const metas = detectors.map((detector) => detector.meta as DetectorMeta);

test('the table has a line a detector under its head', () => {
  const lines = table(metas).trimEnd().split('\n');
  expect(lines).toHaveLength(metas.length + 1);
  for (const [i, meta] of metas.entries())
    expect(lines[i + 1]?.split(/\s{2,}/)).toEqual(expect.arrayContaining([meta.id, meta.summary]));
});

test('the status has a grade a detector, and says of one that was never measured that it was not', () => {
  const lines = statusTable(metas).trimEnd().split('\n');
  for (const [i, meta] of metas.entries())
    expect(lines[i + 1]).toMatch(new RegExp(`^${meta.id} +(production|beta|experimental|failing|untested) `));
  const [first] = metas as [DetectorMeta];
  expect(statusTable([{ ...first, id: 'new' }])).toMatch(/^new +untested .*never measured$/m);
});

test.each(metas.map((meta) => [meta.id, meta] as const))('the page of %s says everything its author wrote', (_id, meta) => {
  const text = page(meta).replaceAll(/\s+/g, ' ');
  const { what, why, fix, limits } = meta.docs;
  for (const said of [what, why, fix, limits]) expect(text).toContain(said.trim().replaceAll(/\s+/g, ' '));
  for (const name of [...Object.keys(meta.options), ...Object.keys(meta.messages)]) expect(text).toContain(name);
  // Long words such as links may stand out, prose may not.
  for (const line of page(meta).split('\n').slice(3, 8)) expect(line.length).toBeLessThanOrEqual(101);
});
