// A list that begins with what was read before gives the same messages as if it were read alone, and the same objects.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readHistory } from './history.ts';
import { read } from './json.ts';
import { readMessages } from './messages.ts';

const filler = 'x'.repeat(4_096);
const first = JSON.stringify({ role: 'system', content: filler });

/** Elements of a list as exporters write them, well-formed and not. */
const element = fc.oneof(
  fc
    .record({ role: fc.constantFrom('user', 'assistant', 'search', 'unknown'), content: fc.string() })
    .map((item) => JSON.stringify(item)),
  fc.constant('{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"search","arguments":"{}"}}]}'),
  fc.constant('{"role":"user","name":"search","content":"found"}'),
  fc.constant('{"type":"text","content":"a part"}'),
  fc.constantFrom('"text"', '1', 'null', '[]', '{"role":', ']', '{}'),
);

test('a longer list is read as if nothing had been read before', () => {
  fc.assert(
    fc.property(fc.array(fc.array(element, { maxLength: 3 }), { maxLength: 6 }), fc.uuid(), (turns, id) => {
      const told = [first, JSON.stringify({ role: 'user', content: id })];
      for (const turn of turns) {
        told.push(...turn);
        const text = `[${told.join(',')}]`;
        expect(readHistory(text)).toEqual(readMessages(read(text), 'user'));
      }
    }),
  );
});

test('what came before is the same objects', () => {
  const begin = `[${first},{"role":"user","content":"one"}`;
  const before = readHistory(`${begin}]`);
  const after = readHistory(`${begin},{"role":"assistant","content":"two"}]`);
  expect(after.length).toBe(3);
  expect(after[0]).toBe(before[0]);
  expect(after[1]).toBe(before[1]);
  expect(readHistory(`${begin},{"role":"assistant","content":"two"}]`)).toBe(after);
});
