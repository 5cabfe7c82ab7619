import { type StepLike, step, tool } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import openclawChannelMismatch from './openclaw_channel_mismatch.ts';

const oc = (like: StepLike, channel: string, extra: Record<string, unknown> = {}): StepLike => ({
  ...like,
  session: 's',
  extra: { 'run.format': 'openclaw', channel, ...extra },
});
const received = (channel: string) => oc(step('task', { input: 'Hello' }), channel, { 'message.direction': 'in' });
const sent = (channel: string, text: string, extra = {}) =>
  oc(step('task', { output: text }), channel, { 'message.direction': 'out', ...extra });

testDetector(
  openclawChannelMismatch,
  {
    quiet: [
      {
        name: 'one channel',
        steps: [received('slack'), oc(tool('search', {}, { result: 'x' }), 'slack'), sent('slack', 'Found it.')],
      },
      { name: 'a room of the channel', nearMiss: true, steps: [received('slack'), sent('slack:general', 'Hello')] },
      { name: 'a long message where it fits', steps: [received('web'), sent('web', 'x'.repeat(5_000))] },
      { name: 'just within the limit', nearMiss: true, steps: [received('discord'), sent('discord', 'x'.repeat(2_000))] },
      {
        name: 'another limit by option',
        options: { max_length: { discord: 4_000 } },
        steps: [received('discord'), sent('discord', 'x'.repeat(2_500))],
      },
      {
        name: 'an identity number in a direct message',
        steps: [received('slack'), sent('slack', 'It is 123-45-6789.', { 'channel.inbox': 'dm' })],
      },
    ],
    fires: [
      {
        name: 'a tool on another channel',
        steps: [received('whatsapp'), oc(tool('search', {}, { result: 'x' }), 'slack')],
        expect: [{ message: 'other_channel', at: 2, data: { other: 'slack' } }],
      },
      {
        name: 'the channel is known later',
        steps: [oc(tool('search', {}, { result: 'x' }), 'slack'), received('whatsapp')],
        expect: [{ message: 'other_channel', at: 1 }],
      },
      {
        name: 'too long',
        steps: [received('discord'), sent('discord', 'x'.repeat(2_001))],
        expect: [{ message: 'too_long', at: 2 }],
      },
      {
        name: 'code on a phone',
        steps: [received('whatsapp'), sent('whatsapp', '```js\nrun()\n```')],
        expect: [{ message: 'wrong_format', at: 2 }],
      },
      {
        name: 'an identity number in a group',
        steps: [received('slack'), sent('slack', 'It is 123-45-6789.', { 'channel.inbox': 'group' })],
        expect: [{ message: 'exposed', at: 2 }],
      },
    ],
  },
  import.meta.url,
);
