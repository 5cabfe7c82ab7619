import { describe, expect, it } from 'vitest';
import { agent, step } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import { compareStates } from '../../src/schema/changes.ts';
import corruption from './corruption.ts';

const order = { id: 'o-1', total: 450.5, items: [{ sku: 1 }, { sku: 2 }, { sku: 3 }], note: null, status: 'open', seats: 12 };
const node = (before: unknown, after: unknown) => step('task', { name: 'price', stateBefore: before, stateAfter: after });
const hands = (name: string, stateAfter: unknown) => agent(name, { stateAfter });
const changed = (change: Record<string, unknown>) => node(order, { ...order, ...change });

testDetector(
  corruption,
  {
    quiet: [
      { name: 'nothing changes', steps: [node(order, order)] },
      {
        name: 'values change within their types',
        steps: [changed({ total: 480, status: 'paid', items: [...order.items, { sku: 4 }] })],
      },
      { name: 'a value arrives', steps: [changed({ note: 'gift' })] },
      { name: 'a queue gives up its first item', nearMiss: true, steps: [changed({ items: order.items.slice(1) })] },
      {
        name: 'the only item of a plan is worked off',
        nearMiss: true,
        steps: [node({ ...order, plan: ['look it up'] }, { ...order, plan: [], notes: ['found'] })],
      },
      {
        name: 'a node gives an update of the state it got',
        nearMiss: true,
        steps: [node({ messages: ['a'], private: { calls: 1 }, call: { name: 'search' } }, { messages: ['b'] })],
      },
      {
        name: 'an object in is the arguments, an object out the result',
        nearMiss: true,
        steps: [
          agent('writer', {
            input: '{"agent":{"role":"x"},"context":"","tools":[]}',
            output: '{"raw":"text","agent":"writer","name":null}',
          }),
        ],
      },
      { name: 'an error is cleared', steps: [node({ last_error: 'timeout', n: 1 }, { last_error: null, n: 2 })] },
      { name: 'a number grows tenfold', nearMiss: true, steps: [changed({ total: 4_505 })] },
      { name: 'an update with other keys', steps: [node(order, { answer: 'yes' })] },
      { name: 'text that is no JSON', steps: [changed({ status: '[see note] open' })] },
      { name: 'a date moves on', steps: [node({ at: '2026-01-01' }, { at: '2026-02-01' })] },
      {
        name: 'another agent gives the same fields with other values',
        nearMiss: true,
        steps: [hands('reader', order), hands('writer', { ...order, total: null, items: [], status: 'paid' })],
      },
      {
        name: 'another agent gives other fields',
        steps: [hands('reader', order), hands('writer', { id: 7, score: 0.5, status: 'paid' })],
      },
      { name: 'a stricter mark', options: { min_score: 0.95 }, steps: [changed({ seats: '12' })] },
    ],
    fires: [
      {
        name: 'a number becomes text',
        steps: [changed({ seats: '12' })],
        expect: [{ message: 'damaged', at: 1, data: { path: 'seats', damage: 'type' } }],
      },
      {
        name: 'a number becomes text from one agent to the next',
        steps: [hands('reader', order), hands('writer', { ...order, seats: 'twelve' })],
        expect: [{ message: 'damaged', at: 2, data: { path: 'seats', damage: 'type' } }],
      },
      { name: 'a value is lost', steps: [changed({ total: null })], expect: [{ message: 'damaged', data: { damage: 'lost' } }] },
      {
        name: 'a list is emptied',
        steps: [changed({ items: [] })],
        expect: [{ message: 'damaged', data: { damage: 'emptied' } }],
      },
      {
        name: 'an object out lacks one of the fields of the object in',
        steps: [agent('pricer', { input: '{"seats":12,"id":"x","fare":9}', output: '{"seats":"12","id":"x"}' })],
        expect: [{ message: 'damaged', data: { path: 'seats', damage: 'type' } }],
      },
      {
        name: 'a list of two is emptied',
        steps: [changed({ items: [] })].map((one) => ({ ...one, stateBefore: { ...order, items: order.items.slice(1) } })),
        expect: [{ message: 'damaged', data: { damage: 'emptied' } }],
      },
      {
        name: 'a list loses an item in its middle',
        steps: [changed({ items: [{ sku: 1 }, { sku: 3 }] })],
        expect: [{ message: 'damaged', data: { damage: 'shrunk' } }],
      },
      {
        name: 'a queue, where that is asked for',
        options: { min_score: 0.4 },
        steps: [changed({ items: order.items.slice(1) })],
        expect: [{ message: 'damaged' }],
      },
      {
        name: 'an item comes twice',
        steps: [changed({ items: [...order.items, { sku: 2 }] })],
        expect: [{ message: 'damaged', data: { damage: 'doubled' } }],
      },
      {
        name: 'JSON in a field was cut',
        steps: [changed({ note: '{"sku": 1, "na' })].map((one) => ({ ...one, stateBefore: { ...order, note: '{"sku": 1}' } })),
        expect: [{ message: 'damaged', data: { damage: 'cut' } }],
      },
      {
        name: 'a field vanishes',
        steps: [node(order, Object.fromEntries(Object.entries(order).filter(([key]) => key !== 'seats')))],
        expect: [{ message: 'damaged', data: { damage: 'removed' } }],
      },
      {
        name: 'a placeholder',
        steps: [changed({ status: '[object Object]' })],
        expect: [{ message: 'damaged', data: { damage: 'placeholder' } }],
      },
      { name: 'a jump', steps: [changed({ total: 99_999 })], expect: [{ message: 'damaged', data: { damage: 'jump' } }] },
      {
        name: 'time goes back',
        steps: [node({ at: '2026-02-01' }, { at: '2026-01-01' })],
        expect: [{ message: 'damaged', data: { damage: 'backwards' } }],
      },
      {
        name: 'between two runs of one node',
        steps: [
          agent('a', { name: 'n', output: '{"seats":12,"id":"x"}' }),
          agent('a', { name: 'n', output: '{"seats":"12","id":"x"}' }),
        ],
        expect: [{ message: 'damaged', at: 2 }],
      },
    ],
  },
  import.meta.url,
);

describe('compareStates', () => {
  it('is bounded in depth and breadth', () => {
    let deep: unknown = { x: 1 };
    for (let i = 0; i < 10_000; i++) deep = { deep };
    expect(compareStates(deep, deep)).toEqual([]);
    const wide = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`k${i}`, i]));
    const damaged = Object.fromEntries(Object.keys(wide).map((key) => [key, null]));
    expect(compareStates(wide, damaged)).toHaveLength(8);
  });
});
