import { type StepLike, step, times, tool } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import openclawToolAbuse from './openclaw_tool_abuse.ts';

const oc = (like: StepLike, extra: Record<string, unknown> = {}): StepLike => ({
  ...like,
  session: 's',
  extra: { 'run.format': 'openclaw', ...extra },
});
const words = ['opening hours', 'prices of tickets', 'lost property', 'accessible entrance', 'school groups', 'parking garage'];
const search = (q: string) => oc(tool('search', { q }, { result: `about ${q}` }));

testDetector(
  openclawToolAbuse,
  {
    quiet: [
      { name: 'four different searches', nearMiss: true, steps: [...words.slice(0, 4).map(search)] },
      {
        name: 'one failure of three',
        steps: [search('a'), search('photography rules'), oc(tool('fetch', { url: 'x' }, { error: 'timeout' }))],
      },
      {
        name: 'a new message begins a new count',
        steps: [
          ...words.slice(0, 3).map(search),
          oc(step('task', { input: 'And?' }), { 'message.direction': 'in' }),
          ...words.slice(3).map(search),
        ],
      },
      {
        name: 'a query with a condition',
        steps: [oc(tool('query', { q: 'SELECT name FROM users WHERE id = 7' }, { result: 'Ann' }))],
      },
      { name: 'elsewhere', steps: [...times(9, tool('search', { q: 'x' }, { error: 'forbidden' }))] },
    ],
    fires: [
      {
        name: 'refused',
        steps: [oc(tool('call_api', { url: 'x' }, { error: 'Unauthorized endpoint' }))],
        expect: [{ message: 'forbidden', at: 1 }],
      },
      {
        name: 'not in the list',
        steps: [oc(tool('send_mail', {}, { result: 'ok' }), { 'tools.allowed': ['search'] })],
        expect: [{ message: 'forbidden' }],
      },
      {
        name: 'most calls fail',
        steps: [oc(tool('a', { x: 1 }, { error: 'timeout' })), oc(tool('b', { y: 2 }, { error: 'timeout' })), search('c')],
        expect: [{ message: 'failing', at: 3, data: { failed: 2 } }],
      },
      {
        name: 'two calls by option',
        options: { min_calls: 2 },
        steps: [oc(tool('a', { x: 1 }, { error: 'timeout' })), oc(tool('b', { y: 2 }, { error: 'timeout' }))],
        expect: [{ message: 'failing' }],
      },
      {
        name: 'a smaller share by option',
        options: { failure_share: 0.3 },
        steps: [oc(tool('a', { x: 1 }, { error: 'timeout' })), search('b'), search('museum shop')],
        expect: [{ message: 'failing' }],
      },
      {
        name: 'the same change again',
        steps: [
          ...times(3, (i) =>
            oc(tool('update', { table: 'users', id: 7, field: 'address', value: `Street ${i}` }, { result: 'ok' })),
          ),
        ],
        expect: [{ message: 'again', at: 3 }],
      },
      {
        name: 'twice by option',
        options: { min_similar: 2 },
        steps: [
          ...times(2, (i) =>
            oc(tool('update', { table: 'users', id: 7, field: 'address', value: `Street ${i}` }, { result: 'ok' })),
          ),
        ],
        expect: [{ message: 'again' }],
      },
      { name: 'five searches for one message', steps: [...words.slice(0, 5).map(search)], expect: [{ message: 'many', at: 5 }] },
      {
        name: 'three by option',
        options: { max_per_message: 3 },
        steps: [...words.slice(0, 3).map(search)],
        expect: [{ message: 'many' }],
      },
      {
        name: 'everything',
        steps: [oc(tool('query', { q: 'SELECT * FROM users' }, { result: '…' }))],
        expect: [{ message: 'excessive', at: 1 }],
      },
    ],
  },
  import.meta.url,
);
