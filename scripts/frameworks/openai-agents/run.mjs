// The real OpenAI Agents SDK against a scripted API: its own exporter posts to misstep's /v1/traces/ingest; its bodies and responses through the adapter too.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { callsOf, check, connected, findings, finish, must, python, root, scratch, sidecar, steps, tally } from '../harness.mjs';

const folder = scratch();
const misstep = await sidecar(scratch());
const program = join(import.meta.dirname, 'agents_program.py');
const interpreter = python('openai-agents', join(import.meta.dirname, 'requirements.txt'));
must(interpreter, [program, folder, misstep.webhook]);
const spans = await misstep.stop();

/** Bodies in the order of the exporter, as one and as lines. */
const bodies = readdirSync(folder)
  .filter((name) => /^\d+\.json$/.test(name))
  .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
  .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')));
const lines = join(folder, 'bodies.jsonl');
writeFileSync(lines, bodies.map((body) => `${JSON.stringify(body)}\n`).join(''));
const backwards = join(folder, 'backwards.jsonl');
writeFileSync(
  backwards,
  bodies
    .toReversed()
    .map((body) => `${JSON.stringify(body)}\n`)
    .join(''),
);

process.stdout.write(' exporter\n');
check('a trace and its spans come in bodies of their own', bodies.length > 5, true);
const seen = steps(spans);
const of = (name) => seen.filter(({ session_id }) => session_id === `session-${name}`);
const kinds = (name) => tally(of(name).map(({ step, outcome }) => `${step} ${outcome}`));
check('every object is a step', seen.length, bodies.flatMap(({ data }) => data).length);
check('every step has its session, wherever its trace stood', seen.filter(({ session_id }) => session_id === null).length, 0);
check('tools: a tool that failed and one that did not, a handoff', kinds('tools'), {
  'agent ok': 2,
  'handoff ok': 1,
  'llm ok': 4,
  'task ok': 5,
  'tool handled_error': 1,
  'tool ok': 1,
  'workflow ok': 1,
});
check(
  'tools: agents',
  tally(
    of('tools')
      .filter(({ step }) => step === 'agent')
      .map(({ agent }) => agent),
  ),
  { billing: 1, triage: 1 },
);
const tokens = (found) =>
  found
    .filter(({ step }) => step === 'llm')
    .reduce((sum, { tokens: { input, output } }) => [sum[0] + input, sum[1] + output], [0, 0]);
check('tools: tokens of four calls, not of the turns that sum them', tokens(of('tools')), [40, 20]);
check('tasks have no tokens', of('tools').filter(({ step, tokens: { input } }) => step === 'task' && input !== null).length, 0);
check('chat: generations', kinds('chat'), { 'agent ok': 1, 'llm ok': 2, 'task ok': 3, 'tool ok': 1, 'workflow ok': 1 });
check('endless: the limit of turns ends the agent', kinds('endless'), {
  'agent error': 1,
  'llm ok': 4,
  'task ok': 5,
  'tool ok': 4,
  'workflow ok': 1,
});
check('guarded: the guardrail blocks', kinds('guarded')['guardrail blocked'], 1);
check('broken: the model’s error', kinds('broken')['llm error'], 1);
check('no secret of the metadata, no key', /leak-me|sk-scripted/.test(readFileSync(spans, 'utf8')), false);
const ids = (file, format) =>
  steps(file, format)
    .map(({ trace_id, span_id }) => trace_id + span_id)
    .sort();
check('the bodies through replay are the same spans', ids(lines, 'openai'), ids(spans));
check('and in the other order', ids(backwards, 'openai'), ids(spans));
check(
  'endless: the loop is found',
  tally(findings(spans).map(({ detector, data }) => `${detector} ${data?.tool ?? ''}`.trim()))['loop divide'] > 0,
  true,
);

process.stdout.write(' responses\n');
const responses = steps(join(folder, 'responses.json'));
check('one model call each, results once', tally(responses.map(({ step, outcome }) => `${step} ${outcome}`)), {
  'llm ok': 8,
  'tool ok': 6,
  'workflow ok': 8,
});
check('two conversations', Object.keys(tally(responses.map(({ session_id }) => session_id))).length, 2);

process.stdout.write(' the program of examples\n');
const beside = await sidecar(scratch());
const answer = must(interpreter, [join(root, 'examples/openai-agents/agent.py')], {
  env: { ...process.env, MISSTEP_WEBHOOK: beside.webhook, NO_PROXY: '127.0.0.1' },
});
connected('openai-agents', beside);
check('it ends', answer, 'It rains in Bonn.\n');
check('two model calls, one tool call', callsOf(steps(await beside.stop())), { llm: 2, 'tool weather': 1 });
finish();
