// Real LangGraph graphs (Python) with a scripted model: their streams and histories through the adapter, their OpenInference spans into misstep.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cache, callsOf, check, connected, findings, finish, must, root, scratch, sidecar, steps, tally } from '../harness.mjs';

const packages = [
  'langgraph==1.2.24',
  'langchain==1.5.2',
  'deepagents==0.7.32',
  'openinference-instrumentation-langchain==0.1.80',
  'opentelemetry-sdk==1.45.2',
  'opentelemetry-exporter-otlp-proto-http==1.45.2',
];
const home = cache('langgraph');
const python = join(home, 'venv/bin/python');
if (!existsSync(python)) must('python3', ['-m', 'venv', join(home, 'venv')]);
must(python, ['-m', 'pip', 'install', '--quiet', ...packages]);

const folder = scratch();
const misstep = await sidecar(folder);
must(python, [join(import.meta.dirname, 'graphs.py'), folder, misstep.url], {
  env: { ...process.env, LANGSMITH_TRACING: 'false' },
});
const spans = await misstep.stop();

const shape = (name) => steps(join(folder, `${name}.json`), 'langgraph');
const kinds = (found) => tally(found.map(({ step, outcome }) => `${step} ${outcome}`));
const said = (name) =>
  [...new Set(findings(join(folder, `${name}.json`), 'langgraph').map(({ detector }) => detector))].filter((one) =>
    one?.startsWith('langgraph_'),
  );

process.stdout.write(`langgraph: debug streams\n`);
check('tools: steps', kinds(shape('tools')), { 'llm ok': 3, 'tool handled_error': 1, 'tool ok': 1, 'workflow ok': 1 });
check(
  'tools: tokens',
  shape('tools')
    .map(({ tokens }) => tokens.input)
    .filter((one) => one !== null),
  [10, 10, 10],
);
check('endless: steps', kinds(shape('endless')), { 'task ok': 12, 'workflow error': 1 });
check('endless: the limit is found', said('endless').includes('langgraph_recursion'), true);
const [unlimited] = findings(join(folder, 'unlimited.json'), 'langgraph').filter(
  ({ detector }) => detector === 'langgraph_recursion',
);
check('unlimited: the library stopped at its default, 10,007', unlimited?.data?.limit, 10_007);
check('nested: steps', kinds(shape('nested')), { 'task ok': 4, 'workflow ok': 1 });
check('nested: nothing is found', said('nested'), []);
check('broken: steps', kinds(shape('broken')), { 'task error': 1, 'workflow error': 1 });
if (existsSync(join(folder, 'deep.json'))) {
  const deep = shape('deep');
  check(
    'deep: tools',
    deep.filter(({ step }) => step === 'tool').map(({ tool }) => tool),
    ['write_todos', 'task'],
  );
  check('deep: the sub-agent speaks once', deep.filter(({ step, agent }) => step === 'llm' && agent === 'researcher').length, 1);
}
process.stdout.write(' histories\n');
const count = (name) => steps(join(folder, `${name}.history.json`), 'langgraph').length;
check('tools', count('tools'), 6);
check('nested: its own nodes', count('nested'), 3);
process.stdout.write(' OpenInference\n');
const seen = steps(spans);
check('sessions are threads', tally(seen.map(({ session_id }) => session_id)).null ?? 0, 0);
const of = (name) => seen.filter(({ session_id, rollup }) => session_id === `thread-${name}` && !rollup);
check('tools: model calls', of('tools').filter(({ step }) => step === 'llm').length, 3);
check(
  'tools: tool calls',
  of('tools')
    .filter(({ step }) => step === 'tool')
    .map(({ tool }) => tool),
  ['divide', 'divide'],
);
check('no header of the caller', readFileSync(spans, 'utf8').includes('Bearer leak'), false);

process.stdout.write(' the program of examples\n');
const beside = await sidecar(scratch());
const answer = must(python, [join(root, 'examples/langgraph/agent.py')], {
  env: { ...process.env, LANGSMITH_TRACING: 'false', OTEL_EXPORTER_OTLP_ENDPOINT: beside.url, NO_PROXY: '127.0.0.1' },
});
connected('langgraph', beside);
check('it ends', answer, 'It rains in Bonn.\n');
check('two model calls, one tool call', callsOf(steps(await beside.stop())), { llm: 2, 'tool weather': 1 });
finish();
