import { flow, node, ran } from '../../src/detector/testing/n8n.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import n8nError from './n8n_error.ts';

testDetector(
  n8nError,
  {
    quiet: [
      {
        name: 'nodes that work',
        steps: [ran('a'), ran('b'), flow([node('a', 'manualTrigger')], [], { 'run.status': 'success' })],
      },
      {
        name: 'somebody is told',
        nearMiss: true,
        steps: [flow([node('a', 'webhook'), node('b', 'httpRequest')], [], { 'workflow.settings': { errorWorkflow: 'x' } })],
      },
      {
        name: 'an error output that leads to a handler',
        nearMiss: true,
        steps: [
          ran('a', {}, { error: 'refused' }),
          ran('b'),
          flow(
            [
              node('t', 'manualTrigger'),
              node('a', 'httpRequest', { settings: { onError: 'continueErrorOutput' } }),
              node('b', 'slack'),
            ],
            [{ source: 'a', target: 'b', type: 'main', branch: 1, index: 0 }],
            { 'run.status': 'success' },
          ),
        ],
      },
      { name: 'a person starts it', nearMiss: true, steps: [flow([node('a', 'manualTrigger'), node('b', 'httpRequest')])] },
    ],
    fires: [
      {
        name: 'a failure that is hidden',
        steps: [ran('a', {}, { error: 'refused' }), flow([node('a', 'manualTrigger')], [], { 'run.status': 'success' })],
        expect: [{ message: 'hidden', at: 1 }],
      },
      {
        name: 'an error output that leads nowhere',
        steps: [
          ran('a', {}, { error: 'refused' }),
          flow(
            [
              node('t', 'manualTrigger'),
              node('a', 'httpRequest', { settings: { onError: 'continueErrorOutput' } }),
              node('b', 'slack'),
            ],
            [{ source: 'a', target: 'b', type: 'main', branch: 0, index: 0 }],
            { 'run.status': 'success' },
          ),
        ],
        expect: [{ message: 'hidden', at: 1 }],
      },
      {
        name: 'items with an error',
        steps: [ran('a', { 'node.items.errors': 2 }), flow([node('a', 'manualTrigger')], [], { 'run.status': 'success' })],
        expect: [{ message: 'hidden', at: 1 }],
      },
      {
        name: 'the run failed',
        steps: [ran('a', {}, { error: 'refused' }), flow([node('a', 'manualTrigger')], [], { 'run.status': 'error' })],
        expect: [{ message: 'failed', at: 1 }],
      },
      {
        name: 'many failures',
        steps: [
          ran('a', {}, { error: 'refused' }),
          ran('b', {}, { error: 'refused' }),
          flow([node('a', 'manualTrigger')], [], { 'run.status': 'error' }),
        ],
        expect: [{ message: 'failed', at: 1 }, { message: 'many_failures' }],
      },
      {
        name: 'a higher share',
        options: { error_share: 0.9 },
        steps: [
          ran('a', {}, { error: 'x' }),
          ran('b', {}, { error: 'x' }),
          ran('c'),
          flow([node('a', 'manualTrigger')], [], { 'run.status': 'error' }),
        ],
        expect: [{ message: 'failed' }],
      },
      {
        name: 'nobody is told',
        steps: [flow([node('a', 'webhook'), node('b', 'httpRequest')])],
        expect: [{ message: 'unprepared', at: 1 }],
      },
    ],
  },
  import.meta.url,
);
