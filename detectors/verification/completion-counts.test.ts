import { describe, expect, test } from 'vitest';
import { llm, type StepLike, tool, toSteps } from '../../src/detector/testing/builders.ts';
import { type Flag, foldFlags, overcount } from './completion-counts.ts';

const flagsOf = (...likes: readonly StepLike[]) => toSteps(likes).reduce<Flag[]>((flags, step) => foldFlags(flags, step), []);
const list = (...values: readonly boolean[]) => values.map((available) => ({ available }));
const counted = (flags: readonly Flag[]) => flags.map(({ name, set, all }) => `${name} ${set}/${all}`);

describe('flags of results', () => {
  test.each<[string, unknown, readonly string[]]>([
    ['a list', list(true, false, true), ['available 2/3']],
    ['two entries are no list', list(true, false), []],
    ['inside a document', { items: list(true, true, true) }, ['available 3/3']],
    ['not at the ends of JSON', `found ${JSON.stringify(list(true, true, true))}`, []],
    ['a key of three letters', [{ hot: true }, { hot: true }, { hot: true }], []],
    ['a word in a text', ['it is true', 'it is true', 'it is true'], []],
    ['two flags', list(true, true, false).map((one) => ({ ...one, refundable: false })), ['available 2/3', 'refundable 0/3']],
  ])('%s', (_, result, expected) => {
    expect(counted(flagsOf(tool('list', {}, { result })))).toEqual(expected);
  });

  test('add up over results; a result that is too long is not counted', () => {
    const page = tool('list', {}, { result: list(true, false, false) });
    expect(counted(flagsOf(page, page))).toEqual(['available 2/6']);
    expect(counted(flagsOf(page, tool('list', {}, { result: [...list(true, true, true), 'x'.repeat(33_000)] })))).toEqual([
      'available 1/3',
    ]);
  });
});

describe('a number that is stated', () => {
  const flags = flagsOf(tool('list', {}, { result: list(true, true, false, false) }));
  test.each<[string, number | undefined]>([
    ['There are 3 available rooms.', 3],
    ['There are **3** available rooms.', 3],
    ['There are 2 available rooms.', undefined],
    ['There are 1 available rooms.', undefined],
    ['There are 3 rooms available.', undefined],
    ['Room v3 available now.', undefined],
    ['All available rooms are taken.', undefined],
  ])('%s', (text, stated) => {
    const [step] = toSteps([llm(text)]);
    expect(overcount(flags, step as NonNullable<typeof step>)?.stated).toBe(stated);
  });
});
