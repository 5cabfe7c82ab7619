import { type StepLike, step } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import difyVariableLeak from './dify_variable_leak.ts';

const node = (like: StepLike, extra: Record<string, unknown> = {}): StepLike => ({
  ...like,
  session: 's',
  extra: { 'run.format': 'dify', ...extra },
});
const code = (outputs: unknown, extra = {}) => node(step('task', { name: 'code' }), { 'node.outputs': outputs, ...extra });

testDetector(
  difyVariableLeak,
  {
    quiet: [
      { name: 'ordinary values', steps: [code({ total: 12, name: 'Bridge' })] },
      { name: 'a masked key', nearMiss: true, steps: [code({ api_key: 'sk-****************' })] },
      { name: 'one e-mail address', nearMiss: true, steps: [code({ contact: 'ann@example.org' })] },
      { name: 'a number that is no card', steps: [code({ order: '4111111111111112' })] },
      {
        name: 'values of a round inside it',
        steps: [
          code({ text: 'a long text that was made in this very round' }, { 'node.parent': 'it' }),
          code({ x: 1 }, { 'node.parent': 'it', 'node.inputs': 'a long text that was made in this very round' }),
        ],
      },
      { name: 'elsewhere', steps: [step('task', { extra: { 'node.outputs': { password: 'Secret2024!' } } })] },
      { name: 'a higher mark', options: { report_at: 0.99 }, steps: [code({ password: 'Secret2024!' })] },
    ],
    fires: [
      { name: 'an access key', steps: [code({ key: 'sk-abcdefghijklmnop1234' })], expect: [{ message: 'secret', at: 1 }] },
      { name: 'a password', steps: [code({ db_password: 'Secret2024!' })], expect: [{ message: 'secret', at: 1 }] },
      {
        name: 'a card number that passes its check',
        steps: [code({ card: '4111 1111 1111 1111' })],
        expect: [{ message: 'personal', at: 1 }],
      },
      {
        name: 'a value of a round outside it',
        steps: [
          code({ text: 'a long text that was made in this very round' }, { 'node.parent': 'it' }),
          code({ x: 1 }, { 'node.inputs': 'see: a long text that was made in this very round' }),
        ],
        expect: [{ message: 'escaped', at: 2 }],
      },
    ],
  },
  import.meta.url,
);
