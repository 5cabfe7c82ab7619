import fc from 'fast-check';
import { expect, test } from 'vitest';
import { llm, type StepLike, tool, toSteps } from '../../src/detector/testing/builders.ts';
import type { Step } from '../../src/step/step.ts';
import { rosterOf, sentBy } from './coordination-messages.ts';

const sent = (like: StepLike) => sentBy(toSteps([like])[0] as Step);
const by = { agent: 'writer' };

test.each<[string, StepLike, object | undefined]>([
  ['a message', tool('send_message', { to: 'editor', content: 'Done?' }, by), { from: 'writer', to: 'editor', content: 'Done?' }],
  ['a task handed on', tool('delegate', { agent: 'editor', task: 'Check' }, by), { to: 'editor', content: 'Check' }],
  ['its receipt', tool('notify', { to: 'e', text: 'x' }, { ...by, result: { acknowledged: false } }), { acknowledged: false }],
  ['no receipt', tool('notify', { to: 'e', text: 'x' }, { ...by, result: 'sent' }), { acknowledged: undefined }],
  ['an e-mail is for people', tool('send_email', { to: 'a@b.example', body: 'Hi' }, by), undefined],
  ['to itself', tool('send_message', { to: 'writer', content: 'x' }, by), undefined],
  ['without content', tool('send_message', { to: 'editor' }, by), undefined],
  ['another tool', tool('search', { to: 'editor', content: 'x' }, by), undefined],
  ['a model call', llm('to: editor'), undefined],
])('%s', (_, like, said) => {
  if (said === undefined) expect(sent(like)).toBeUndefined();
  else expect(sent(like)).toMatchObject(said);
});

test.each([
  ['Agents in this team: planner, writer; editor.\nBe kind, be quick.', ['planner', 'writer', 'editor']],
  ['Members of the team: a, , b', ['a', 'b']],
  ['Work as a team.', []],
  ['', []],
])('the roster of %j', (system, names) => {
  expect(rosterOf(system)).toEqual(names);
});

test('bounded, whatever is sent', () => {
  fc.assert(
    fc.property(fc.anything(), fc.string(), (args, result) => {
      sent(tool('send_message', args, { ...by, result }));
    }),
    { seed: 7, numRuns: 300 },
  );
  const long = 'x'.repeat(5_000);
  const said = sent(tool('send_message', { to: long, content: long }, by));
  expect([said?.to.length, said?.content.length]).toEqual([60, 1_024]);
  expect(rosterOf(`Team members: ${'a,'.repeat(5_000)}`)).toHaveLength(64);
});
