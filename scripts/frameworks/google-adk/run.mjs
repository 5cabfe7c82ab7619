// Google's real ADK with a scripted model: its spans by its own OTLP exporter into misstep, its sessions through the adapter.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { callsOf, check, connected, finish, must, python, root, scratch, sidecar, steps, tally } from '../harness.mjs';

const folder = scratch();
const interpreter = python('google-adk', join(import.meta.dirname, 'requirements.txt'));
const program = join(import.meta.dirname, 'adk_program.py');

/** Runs the program beside a misstep; gives the file of its spans. */
async function run(env) {
  const misstep = await sidecar(scratch());
  must(interpreter, [program, folder], {
    env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: misstep.url, NO_PROXY: '127.0.0.1', ...env },
  });
  return misstep.stop();
}
const kinds = (found) => tally(found.map(({ step, outcome }) => `${step} ${outcome}`));

const spans = await run({});
process.stdout.write(' sessions\n');
const session = (name) => steps(join(folder, `${name}.json`));
for (const name of ['tools', 'tools.snake']) {
  check(`${name}: steps`, kinds(session(name)), { 'llm ok': 4, 'tool handled_error': 1, 'tool ok': 3, 'workflow ok': 1 });
  check(
    `${name}: the agent behind each model call`,
    session(name)
      .filter(({ step }) => step === 'llm')
      .map(({ agent }) => agent),
    ['triage', 'triage', 'triage', 'billing'],
  );
}
check('raising: the tool that raised, not a model', kinds(session('raising')), {
  'llm ok': 1,
  'tool error': 1,
  'workflow error': 1,
});
check('waiting: a receipt is no answer', kinds(session('waiting')), { 'llm ok': 2, 'tool unknown': 1, 'workflow ok': 1 });
check('failing: the model is away', kinds(session('failing')), { 'llm error': 1, 'workflow error': 1 });
check('unsafe: an answer held back', kinds(session('unsafe')), { 'llm blocked': 1, 'workflow blocked': 1 });

process.stdout.write(' OpenTelemetry\n');
const seen = steps(spans).filter(({ rollup }) => !rollup);
const of = (name) => seen.filter(({ session_id }) => session_id === `session-${name}`);
const count = (name, kind) => of(name).filter(({ step }) => step === kind).length;
check('every step has its session', seen.filter(({ session_id }) => session_id === null).length, 0);
check(
  'tools: tools, each once; ADK itself says that an answer is an error',
  tally(
    of('tools')
      .filter(({ step }) => step === 'tool')
      .map(({ tool, outcome }) => `${tool} ${outcome}`),
  ),
  { 'divide error': 1, 'divide ok': 1, 'remember ok': 1, 'transfer_to_agent ok': 1 },
);
check('tools: model calls', count('tools', 'llm'), 4);
check('tools: agents', count('tools', 'agent'), 2);
check('raising: the tool', of('raising').filter(({ step, outcome }) => step === 'tool' && outcome === 'error').length, 1);
check('failing: the model', of('failing').filter(({ step, outcome }) => step === 'llm' && outcome === 'error').length, 1);
const texts = (file) => ['What is 1 / 2?', 'division by zero'].map((text) => readFileSync(file, 'utf8').includes(text));
check('without a switch there is no content', texts(spans), [false, false]);
const capture = await run({ ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS: 'true' });
check('nor with ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS', texts(capture), [false, false]);

process.stdout.write(' OpenTelemetry with content\n');
const full = await run({
  OTEL_SEMCONV_STABILITY_OPT_IN: 'gen_ai_latest_experimental',
  OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'SPAN_ONLY',
});
check('question, and what a tool answered', texts(full), [true, true]);
check('the same steps', kinds(steps(full)), kinds(steps(spans)));

process.stdout.write(' OpenTelemetry, schema 1\n');
const old = await run({ ADK_TELEMETRY_SCHEMA_VERSION_OPT_IN: '1' });
check('content by default', texts(old), [true, true]);
const called = steps(old).filter(({ step, rollup }) => step === 'llm' && !rollup);
check('model calls, each once', called.length, steps(spans).filter(({ step, rollup }) => step === 'llm' && !rollup).length);

process.stdout.write(' the program of examples\n');
const beside = await sidecar(scratch());
const answer = must(interpreter, [join(root, 'examples/google-adk/agent.py')], {
  env: {
    ...process.env,
    NO_PROXY: '127.0.0.1',
    OTEL_EXPORTER_OTLP_ENDPOINT: beside.url,
    OTEL_SEMCONV_STABILITY_OPT_IN: 'gen_ai_latest_experimental',
    OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'SPAN_ONLY',
  },
});
connected('adk', beside);
check('it ends', answer, 'It rains in Bonn.\n');
check('two model calls, one tool call', callsOf(steps(await beside.stop())), { llm: 2, 'tool weather': 1 });
finish();
