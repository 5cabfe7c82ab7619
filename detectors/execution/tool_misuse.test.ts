import { agent, llm, times, tool } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import misuse from './tool_misuse.ts';

const parameters = {
  type: 'object',
  required: ['city'],
  properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 1, maximum: 14 }, unit: { enum: ['C', 'F'] } },
};
const tools = [{ name: 'forecast', description: 'Weather of a city.', parameters }];
const asks = (name: string, args: unknown, more = {}) =>
  llm([{ role: 'assistant' as const, toolCalls: [{ id: 'c1', name, arguments: args }] }], { tools, ...more });
const search = (args: unknown, more = {}) => tool('search', args, { result: 'found', ...more });

const pay = (error: string) => [
  llm([{ role: 'assistant', toolCalls: [{ id: 'p', name: 'update_booking', arguments: { id: 'b1' } }] }]),
  tool('update_booking', { id: 'b1' }, { error }),
];

testDetector(
  misuse,
  {
    quiet: [
      { name: 'one refused change', nearMiss: true, steps: pay('not enough seats') },
      { name: 'a service that fails twice', nearMiss: true, steps: [...pay('request timed out'), ...pay('service unavailable')] },
      {
        name: 'two look-ups without a hit',
        nearMiss: true,
        steps: times(2, (i) => tool('find_user', { mail: `${i}` }, { error: 'user not found' })),
      },
      {
        name: 'two edits of a file that do not apply',
        steps: times(2, (i) => tool('update_file', { path: `${i}` }, { error: 'text not found' })),
      },
      { name: 'a call as defined', steps: [asks('forecast', { city: 'Lyon', days: 3, unit: 'C' })] },
      { name: 'only what is required', steps: [asks('forecast', { city: 'Lyon' })] },
      { name: 'a bound just kept', nearMiss: true, steps: [asks('forecast', { city: 'Lyon', days: 14 })] },
      {
        name: 'a definition that no call can meet',
        nearMiss: true,
        steps: [
          asks(
            'fetch',
            { url: 'a' },
            {
              tools: [
                {
                  name: 'fetch',
                  description: undefined,
                  parameters: { type: 'object', required: ["'url'"], properties: { url: 'text' }, additionalProperties: false },
                },
              ],
            },
          ),
        ],
      },
      {
        name: 'a span that labels an event or a handoff',
        nearMiss: true,
        steps: [
          asks('forecast', { city: 'Lyon' }),
          { ...tool('tool.forecast.start-12', { city: 'Lyon' }), name: 'tool.forecast.start-12' },
          { ...tool('handoff to reviewer', { from: 'planner' }), name: 'handoff to reviewer' },
        ],
      },
      { name: 'no definitions', steps: [llm([{ role: 'assistant', toolCalls: [{ name: 'anything', arguments: { x: 1 } }] }])] },
      {
        name: 'a definition without a schema',
        steps: [asks('free', { x: 1 }, { tools: [{ name: 'free', description: undefined, parameters: undefined }] })],
      },
      {
        name: 'other arguments where they are allowed',
        options: { closed: false },
        steps: [asks('forecast', { city: 'Lyon', zip: '69' })],
      },
      {
        name: 'a failing call without a habit to differ from',
        nearMiss: true,
        steps: [...times(3, (i) => search({ q: `q${i}`, site: 'a' })), search({ q: 'x' }, { error: 'bad request' })],
      },
      {
        name: 'a call unlike those before that works',
        steps: [...times(5, (i) => search({ q: `q${i}`, site: 'a' })), search({ q: 'x' })],
      },
      {
        name: 'a call the model asked for is not judged again where it ran',
        steps: [asks('forecast', { city: 'Lyon' }), tool('forecast', { city: 'Lyon' }, { result: 'sun' })],
      },
      {
        name: 'calls that the agent defines at its end',
        steps: [tool('forecast', { city: 'Lyon' }, { result: 'sun', agent: 'meteo' }), { ...agent('meteo'), tools }],
      },
    ],
    fires: [
      {
        name: 'two refused changes',
        steps: [...pay('not enough seats'), ...pay('balance is not enough')],
        expect: [
          { message: 'refused', at: 1, data: { tool: 'update_booking', count: 2 } },
          { message: 'refused', at: 3 },
        ],
      },
      {
        name: 'one refused change by option',
        options: { min_refusals: 1 },
        steps: [tool('update_booking', { id: 'b1' }, { error: 'not enough seats' })],
        expect: [{ message: 'refused', at: 1 }],
      },
      {
        name: 'a required argument is missing',
        steps: [asks('forecast', { days: 2 })],
        expect: [{ message: 'schema_violation', at: 1, data: { path: "'city'", kind: 'required' } }],
      },
      {
        name: 'an argument of another type, in a later call',
        steps: [asks('forecast', { city: 'Lyon' }), asks('forecast', { city: 'Lyon', days: 'three' })],
        expect: [{ message: 'schema_violation', at: 2, data: { expected: 'integer', seen: 'string' } }],
      },
      {
        name: 'an invented argument',
        steps: [asks('forecast', { city: 'Lyon', zip: '69' })],
        expect: [{ message: 'schema_violation' }],
      },
      {
        name: 'beyond a bound',
        steps: [asks('forecast', { city: 'Lyon', days: 15 })],
        expect: [{ message: 'schema_violation', data: { expected: 'at most 14' } }],
      },
      {
        name: 'a tool that nobody defined',
        steps: [asks('weather', { city: 'Lyon' })],
        expect: [{ message: 'unknown_tool', data: { known: 1 } }],
      },
      {
        name: 'arguments that are no JSON',
        steps: [asks('forecast', '{"city": "Ly')],
        expect: [{ message: 'malformed_arguments', at: 1 }],
      },
      {
        name: 'a tool span that no model asked for, of an undefined tool',
        steps: [asks('forecast', { city: 'Lyon' }), tool('weather', {}, { result: '' })],
        expect: [{ message: 'unknown_tool', at: 2 }],
      },
      {
        name: 'definitions that come with the agent, at its end',
        steps: [tool('forecast', { town: 'Lyon' }, { result: 'error', agent: 'meteo' }), { ...agent('meteo'), tools }],
        expect: [{ message: 'schema_violation', at: 1 }],
      },
      {
        name: 'a failing call unlike all before',
        steps: [...times(4, (i) => search({ q: `q${i}`, site: 'a' })), search({ q: 'x' }, { error: 'bad request' })],
        expect: [{ message: 'unlike_before', at: 5, data: { path: 'site', count: 4 } }],
      },
      {
        name: 'a shorter habit by option',
        options: { min_uses: 2 },
        steps: [...times(2, (i) => search({ q: `q${i}`, site: 'a' })), search({ q: 'x' }, { error: 'bad request' })],
        expect: [{ message: 'unlike_before', at: 3 }],
      },
    ],
  },
  import.meta.url,
);
