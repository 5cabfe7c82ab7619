import { llm, type StepLike, tool } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import difyToolSchemaMismatch from './dify_tool_schema_mismatch.ts';

const node = (like: StepLike, extra: Record<string, unknown> = {}): StepLike => ({
  ...like,
  session: 's',
  extra: { 'run.format': 'dify', ...extra },
});
const parameters = { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } };
const asks = (args: unknown, extra = {}): StepLike => ({
  ...llm([{ role: 'assistant', toolCalls: [{ name: 'count', arguments: args }] }], {
    tools: [{ name: 'count', description: undefined, parameters }],
  }),
  extra,
});

testDetector(
  difyToolSchemaMismatch,
  {
    quiet: [
      { name: 'a call as defined', steps: [asks({ n: 1 })] },
      {
        name: 'a definition that no call can meet',
        nearMiss: true,
        steps: [
          llm([{ role: 'assistant', toolCalls: [{ name: 'count', arguments: { n: 1 } }] }], {
            tools: [
              {
                name: 'count',
                description: undefined,
                parameters: { required: ["'n'"], properties: { n: { type: 'integer' } }, additionalProperties: false },
              },
            ],
          }),
        ],
      },
      { name: 'another framework has its own', steps: [asks({ n: 'one' }, { 'run.format': 'langgraph' })] },
      { name: 'a node that works', steps: [node(tool('count', { n: 1 }, { result: '1' }), { 'node.inputs': { n: 1 } })] },
      { name: 'an error of another kind', nearMiss: true, steps: [node(tool('count', { n: 1 }, { error: 'connection reset' }))] },
      {
        name: 'an empty value that did no harm',
        nearMiss: true,
        steps: [node(tool('count', { n: null }, { result: '1' }), { 'node.inputs': { n: null } })],
      },
      {
        name: 'a higher mark',
        options: { report_at: 0.9 },
        steps: [node(tool('count', { n: null }, { error: 'oops' }), { 'node.inputs': { n: null } })],
      },
    ],
    fires: [
      {
        name: 'a call of a model',
        steps: [asks({ n: 'one' })],
        expect: [{ message: 'violation', at: 1, data: { expected: 'integer' } }],
      },
      {
        name: 'a refusal',
        steps: [node(tool('count', { n: 'one' }, { error: 'Invalid input: expected integer for field n' }))],
        expect: [{ message: 'refused', at: 1 }],
      },
      {
        name: 'an empty value that failed',
        steps: [node(tool('count', { n: null }, { error: 'oops' }), { 'node.inputs': { n: null } })],
        expect: [{ message: 'violation', at: 1 }],
      },
    ],
  },
  import.meta.url,
);
