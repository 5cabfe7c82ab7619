// Real LangGraph.js graphs with a scripted model: their debug streams to the webhook and through replay, their OpenInference spans by OTLP into misstep.
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cache, check, connected, findings, finish, must, scratch, sidecar, spansOf, steps, tally } from '../harness.mjs';

const home = cache('langgraph-js');
if (!existsSync(join(home, 'node_modules'))) {
  writeFileSync(join(home, 'package.json'), '{"private": true}');
  must(
    'npm',
    [
      'install',
      '--no-audit',
      '--no-fund',
      '@langchain/langgraph@1',
      '@langchain/core@1',
      '@arizeai/openinference-instrumentation-langchain@4',
      'zod@4',
      '@opentelemetry/sdk-trace-node@2',
      '@opentelemetry/exporter-trace-otlp-proto',
    ],
    { cwd: home },
  );
}
copyFileSync(join(import.meta.dirname, 'graphs.mjs'), join(home, 'graphs.mjs'));

const folder = scratch();
const misstep = await sidecar(scratch());
must(process.execPath, ['graphs.mjs', folder, misstep.webhook], {
  cwd: home,
  env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: misstep.url, LANGSMITH_TRACING: 'false' },
});
connected('langgraph', misstep, 2);
const file = await misstep.stop();

const kinds = (found) => tally(found.map(({ step, outcome }) => `${step} ${outcome}`));
const stream = (name) => join(folder, `${name}.json`);
const limit = (name) => {
  const said = findings(stream(name), 'langgraph').find(({ message }) => message === 'limit_reached');
  return said?.data?.limit;
};

process.stdout.write(' debug streams\n');
const wanted = {
  tools: { 'llm ok': 3, 'tool handled_error': 1, 'tool ok': 1, 'workflow ok': 1 },
  endless: { 'task ok': 25, 'workflow error': 1 },
  limited: { 'task ok': 12, 'workflow error': 1 },
  nested: { 'task ok': 4, 'workflow ok': 1 },
  broken: { 'task error': 1, 'workflow error': 1 },
};
const all = steps(file);
const ids = (found) => found.map(({ trace_id, span_id }) => trace_id + span_id).sort();
for (const [name, shape] of Object.entries(wanted)) {
  const replayed = steps(stream(name), 'langgraph');
  check(`${name}: steps`, kinds(replayed), shape);
  const answer = JSON.parse(readFileSync(join(folder, `${name}.answer.json`), 'utf8'));
  check(`${name}: the webhook says how many`, answer.states_created, replayed.length - 1);
  check(`${name}: the webhook made the same`, ids(all.filter((one) => one.trace_id === answer.trace_id)), ids(replayed));
}
check(
  'tools: tokens of each call',
  steps(stream('tools'), 'langgraph')
    .map(({ tokens }) => tokens.input)
    .filter((one) => one !== null),
  [10, 10, 10],
);
check('endless: the library stopped at its default, 25', limit('endless'), 25);
check('limited: at its own', limit('limited'), 12);
check('nested: nothing', limit('nested'), undefined);

process.stdout.write(' OpenInference\n');
const traced = new Set(
  spansOf(file)
    .filter(({ scope }) => scope?.startsWith('@arizeai/'))
    .map(({ traceId, spanId }) => traceId + spanId),
);
const seen = all.filter(({ trace_id, span_id, rollup }) => traced.has(trace_id + span_id) && !rollup);
check('sessions are threads', Object.keys(tally(seen.map(({ session_id }) => session_id))).sort(), [
  'thread-broken',
  'thread-endless',
  'thread-limited',
  'thread-nested',
  'thread-tools',
]);
const tools = seen.filter(({ session_id, step }) => session_id === 'thread-tools' && (step === 'llm' || step === 'tool'));
check('tools: model calls and tools', kinds(tools), { 'llm ok': 3, 'tool error': 1, 'tool ok': 1 });
check('no header of the caller', readFileSync(file, 'utf8').includes('Bearer leak'), false);
finish();
