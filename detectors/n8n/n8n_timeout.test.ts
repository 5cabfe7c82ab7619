import { flow, node, ran } from '../../src/detector/testing/n8n.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import n8nTimeout from './n8n_timeout.ts';

testDetector(
  n8nTimeout,
  {
    quiet: [
      { name: 'a quick run', steps: [ran('a'), flow([node('a', 'set')], [], {}, { duration: 5_000 })] },
      {
        name: 'a limit is set',
        nearMiss: true,
        steps: [flow([node('a', 'httpRequest')], [], { 'workflow.settings': { executionTimeout: 60 } })],
      },
      { name: 'a wait for people', steps: [flow([node('a', 'wait')], [], {}, { duration: 900_000 })] },
      { name: 'just in time', nearMiss: true, steps: [flow([node('a', 'set')], [], {}, { duration: 299_000, at: 400_000 })] },
      {
        name: 'a node that may take long',
        options: { max_node_ms: 600_000 },
        steps: [ran('a', {}, { duration: 200_000, at: 300_000 })],
      },
      {
        name: 'times are made up',
        steps: [flow([node('a', 'set')], [], { 'time.synthetic': true }, { duration: 900_000, at: 1_000_000 })],
      },
    ],
    fires: [
      {
        name: 'over its own limit',
        steps: [
          flow([node('a', 'set')], [], { 'workflow.settings': { executionTimeout: 60 } }, { duration: 90_000, at: 100_000 }),
        ],
        expect: [{ message: 'over_limit', at: 1, data: { seconds: 90, limit: 60 } }],
      },
      {
        name: 'over the usual limit',
        options: { max_run_ms: 40_000 },
        steps: [flow([node('a', 'set')], [], {}, { duration: 50_000, at: 100_000 })],
        expect: [{ message: 'over_limit' }],
      },
      {
        name: 'a caller that waits',
        steps: [
          flow([node('a', 'webhook', { parameters: { responseMode: 'lastNode' } })], [], {}, { duration: 40_000, at: 50_000 }),
        ],
        expect: [{ message: 'slow_webhook', at: 1 }],
      },
      {
        name: 'a caller that waits, by option',
        options: { max_webhook_ms: 2_000 },
        steps: [
          flow([node('a', 'webhook', { parameters: { responseMode: 'lastNode' } })], [], {}, { duration: 4_000, at: 5_000 }),
        ],
        expect: [{ message: 'slow_webhook' }],
      },
      {
        name: 'a slow node',
        steps: [ran('a', {}, { duration: 200_000, at: 300_000 })],
        expect: [{ message: 'slow_node', at: 1 }],
      },
      { name: 'a time-out', steps: [ran('a', {}, { error: 'ETIMEDOUT' })], expect: [{ message: 'timed_out', at: 1 }] },
      {
        name: 'no limit at all',
        steps: [flow([node('a', 'webhook'), node('b', 'httpRequest')])],
        expect: [{ message: 'no_limit', at: 1 }],
      },
    ],
  },
  import.meta.url,
);
