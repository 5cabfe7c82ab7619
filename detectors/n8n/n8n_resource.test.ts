import type { StepLike } from '../../src/detector/testing/builders.ts';
import { flow, node, ran } from '../../src/detector/testing/n8n.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import n8nResource from './n8n_resource.ts';

testDetector(
  n8nResource,
  {
    quiet: [
      { name: 'items as they came', steps: [ran('a', { 'node.items.input': 10, 'node.items.output': 10 })] },
      {
        name: 'a sheet of 9,999 rows is read',
        nearMiss: true,
        steps: [ran('a', { 'node.items.input': 1, 'node.items.output': 9_999 })],
      },
      { name: 'many in, many out', nearMiss: true, steps: [ran('a', { 'node.items.input': 500, 'node.items.output': 20_000 })] },
      { name: 'a failure of another kind', nearMiss: true, steps: [ran('a', {}, { error: 'memory node has no session' })] },
      {
        name: '99 calls',
        nearMiss: true,
        steps: [ran('a', { 'node.items.input': 99 }, { kind: 'tool', tool: 'x' } as Partial<StepLike>)],
      },
      {
        name: 'a model with a limit',
        steps: [flow([node('m', 'lmChatOpenAi', { parameters: { options: { maxTokens: 100 } } })])],
      },
    ],
    fires: [
      {
        name: 'items that multiply',
        steps: [ran('a', { 'node.items.input': 2, 'node.items.output': 50_000 })],
        expect: [{ message: 'growth', at: 1 }],
      },
      {
        name: 'by option',
        options: { max_growth: 5, min_items: 50 },
        steps: [ran('a', { 'node.items.input': 10, 'node.items.output': 60 })],
        expect: [{ message: 'growth' }],
      },
      {
        name: 'a large output',
        steps: [ran('a', { 'node.output_bytes': 80_000_000 })],
        expect: [{ message: 'large_output', at: 1 }],
      },
      {
        name: 'a smaller one by option',
        options: { max_bytes: 1_024 },
        steps: [ran('a', { 'node.output_bytes': 2_000 })],
        expect: [{ message: 'large_output' }],
      },
      {
        name: 'a run that died',
        steps: [ran('a', {}, { error: 'Reached heap limit: JavaScript heap out of memory' })],
        expect: [{ message: 'crashed', at: 1 }],
      },
      {
        name: 'a run whose worker crashed',
        steps: [flow([node('a', 'set')], [], { 'run.status': 'crashed' })],
        expect: [{ message: 'crashed', at: 1 }],
      },
      {
        name: 'many calls',
        steps: [ran('a', { 'node.items.input': 100 }, { kind: 'tool', tool: 'x' } as Partial<StepLike>)],
        expect: [{ message: 'many_calls', at: 1, data: { count: 100 } }],
      },
      {
        name: 'fewer by option',
        options: { max_calls: 3 },
        steps: [ran('a', { 'node.items.input': 3 }, { kind: 'tool', tool: 'x' } as Partial<StepLike>)],
        expect: [{ message: 'many_calls' }],
      },
      {
        name: 'a model without a limit',
        steps: [flow([node('m', 'lmChatOpenAi')])],
        expect: [{ message: 'unbounded_model', at: 1 }],
      },
    ],
  },
  import.meta.url,
);
