// The real n8n on workflows of ours: its OTLP into misstep, its executions by API, database and command line through the adapter.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { check, findings, finish, must, root, scratch, sidecar, spansOf, steps, tally, until } from '../harness.mjs';
import { node, prepare, version } from './server.mjs';
import { workflows } from './workflows.mjs';

const folder = scratch();
const { base, n8n, post, ports, node: runtime, serve } = await prepare(folder);
const misstep = await sidecar(folder);
const otel = { N8N_OTEL_ENABLED: 'true', N8N_OTEL_EXPORTER_OTLP_ENDPOINT: misstep.url, N8N_OTEL_TRACES_PRODUCTION_ONLY: 'false' };
const sqlite = (sql) =>
  JSON.parse(
    must(runtime, [
      '--no-warnings',
      '-e',
      `const {DatabaseSync}=require('node:sqlite');process.stdout.write(JSON.stringify(new DatabaseSync(${JSON.stringify(join(folder, '.n8n/database.sqlite'))}).prepare(${JSON.stringify(sql)}).all()))`,
    ]),
  );

// Ours, and those that others published, as n8n itself gives them back.
const given = join(folder, 'in');
mkdirSync(given);
for (const { workflow } of workflows) writeFileSync(join(given, `${workflow.id}.json`), JSON.stringify(workflow));
n8n(['import:workflow', '--separate', `--input=${given}`]);
const published = resolve(root, '../shared/eval/frameworks/n8n-workflows');
const samples = existsSync(published) ? readdirSync(published).filter((name) => name.endsWith('.json')) : [];
const sampleFolder = join(folder, 'samples');
mkdirSync(sampleFolder);
samples.forEach((name, i) => {
  const workflow = JSON.parse(readFileSync(join(published, name), 'utf8'));
  writeFileSync(
    join(sampleFolder, `${i}.json`),
    JSON.stringify({
      ...workflow,
      id: `sample-${i}`,
      name: workflow.name ?? name,
      active: false,
      tags: [],
      pinData: workflow.pinData ?? {},
    }),
  );
});
if (samples.length > 0) n8n(['import:workflow', '--separate', `--input=${sampleFolder}`]);

const server = await serve(otel);
const { cookie } = server;
const api = {
  'X-N8N-API-KEY': await server.key('test', [
    'workflow:read',
    'workflow:list',
    'workflow:activate',
    'execution:read',
    'execution:list',
  ]),
};
const get = async (path) => (await fetch(base + path, { headers: api })).json();

const active = [...workflows].sort((a, b) => Number(b.expect.called ?? false) - Number(a.expect.called ?? false));
for (const { workflow, expect } of active) if (!expect.manual) await post(`/api/v1/workflows/${workflow.id}/activate`, {}, api);
for (const { workflow, expect } of workflows)
  if (!expect.called && !expect.manual) await post(`/webhook/${workflow.id}`, { q: 1 });
const executions = async () => (await get('/api/v1/executions?includeData=true&limit=100')).data;
const wanted = workflows.filter(({ expect }) => !expect.manual);
await until(async () => (await executions()).length >= wanted.length, 'executions');
const waiting = (await executions()).find(({ workflowId }) => workflowId === 'waiting');
const pause = waiting.data.resultData.runData.Pause[0].metadata.resumeUrl;
await post(new URL(pause).pathname + new URL(pause).search, {});
await until(
  async () => (await executions()).some(({ workflowId, status }) => workflowId === 'waiting' && status === 'success'),
  'the end of the execution that waited',
);
const test = await post(
  '/rest/otel/test-trace',
  {
    exporterProtocol: 'http/protobuf',
    exporterEndpoint: misstep.url,
    exporterTracingPath: '/v1/traces',
    exporterServiceName: 'n8n',
    exporterHeaders: '',
    startupConnectivityTimeoutMs: 2000,
  },
  { cookie },
);
const tested = await test.json();

const page = await get('/api/v1/executions?includeData=true&limit=100');
const workflowPage = samples.length === 0 ? { data: [] } : await get('/api/v1/workflows?limit=100');
await new Promise((done) => setTimeout(done, 6000));
await server.stop();
const file = await misstep.stop();

process.stdout.write(`n8n ${version} on ${node}\n executions of the API\n`);
const write = (name, value) => {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(value));
  return path;
};
const byWorkflow = new Map(page.data.map((one) => [one.workflowId, one]));
for (const { workflow, expect } of wanted) {
  const one = byWorkflow.get(workflow.id);
  const path = write(`${workflow.id}.json`, one);
  const found = steps(path, 'n8n');
  const runs = Object.entries(expect.runs).reduce((sum, [, count]) => sum + count, 0);
  check(`${workflow.id}: steps`, found.length, runs + 1);
  check(`${workflow.id}: outcome`, found[0].outcome, expect.outcome);
  check(`${workflow.id}: other outcomes`, tally(found.slice(1).map(({ outcome }) => outcome)), {
    ...(expect.errors ? { error: expect.errors.length } : {}),
    ...(expect.handled ? { handled_error: expect.handled.length } : {}),
    ok: runs - (expect.errors?.length ?? 0) - (expect.handled?.length ?? 0),
  });
  const said = [
    ...new Set(
      findings(path, 'n8n')
        .filter(({ detector }) => detector?.startsWith('n8n_'))
        .map(({ detector }) => detector),
    ),
  ].sort();
  check(`${workflow.id}: n8n detectors`, said, expect.detectors ?? []);
}

process.stdout.write(' the page as it came, and rows of the database\n');
const whole = steps(write('page.json', page), 'n8n');
check('page: executions', new Set(whole.map(({ trace_id }) => trace_id)).size, wanted.length);
check('page: the child is in its caller’s window', new Set(whole.map(({ session_id }) => session_id)).size, wanted.length - 1);
const rows = sqlite(
  'select e.id, e.workflowId, e.status, e.mode, e.startedAt, e.stoppedAt, d.data, d.workflowData from execution_entity e join execution_data d on d.executionId = e.id',
);
check(
  'database: the data is flatted',
  rows.every(({ data }) => Array.isArray(JSON.parse(data))),
  true,
);
const fromRows = rows.flatMap((row) => steps(write('row.json', row), 'n8n'));
check(
  'database: the same steps',
  tally(fromRows.map(({ span_id, outcome }) => `${span_id} ${outcome}`)),
  tally(whole.map(({ span_id, outcome }) => `${span_id} ${outcome}`)),
);

process.stdout.write(' command line\n');
const out = n8n(['execute', '--id=manual', '--rawOutput'], { N8N_RUNNERS_BROKER_PORT: String(ports.cli) });
const irun = JSON.parse(out.slice(out.indexOf('\n{') + 1 || out.indexOf('{')));
check(
  'execute --rawOutput: IRun',
  steps(write('irun.json', irun)).map(({ step }) => step),
  ['workflow', 'task', 'task'],
);

if (samples.length > 0) {
  process.stdout.write(' published workflows, given back by n8n\n');
  const sizes = (workflow) => {
    const [step] = steps(write('sample.json', workflow), 'n8n');
    return step?.step;
  };
  const back = workflowPage.data.filter(({ id }) => id.startsWith('sample-'));
  check('published: imported', back.length, samples.length);
  check('published: each is a definition', tally(back.map(sizes)), { workflow: samples.length });
}

process.stdout.write(' OTLP\n');
const spans = spansOf(file).filter(({ scope }) => scope === 'n8n-workflow');
const seen = steps(file);
const executed = new Map(page.data.map((one) => [one.id, one]));
const roots = spans.filter(({ name }) => name === 'workflow.execute');
check('one workflow span an execution, two for the one that waited', roots.length, wanted.length + 1);
const ran = (runData) => Object.values(runData).reduce((sum, runs) => sum + runs.length, 0);
check(
  'a node span a run of a node, and one more for the wait that was left and entered again',
  spans.filter(({ name }) => name === 'node.execute').length,
  page.data.reduce((sum, one) => sum + ran(one.data.resultData.runData), 0) + 1,
);
check(
  'every span of the tracer is a step',
  seen.filter(({ step }) => step === 'workflow' || step === 'task').length,
  spans.length,
);
check(
  'sessions are executions',
  [...new Set(seen.map(({ session_id }) => session_id))].every((id) => executed.has(id)),
  true,
);
const resumed = roots.filter(({ attributes }) => attributes['n8n.execution.id'] === waiting.id);
check(
  'a resumed run is a second workflow span that links to the first',
  [resumed.length, resumed.some(({ links }) => links?.length > 0)],
  [2, true],
);
check(
  'both are one session',
  new Set(seen.filter(({ trace_id }) => resumed.some(({ traceId }) => traceId === trace_id)).map(({ session_id }) => session_id))
    .size,
  1,
);
const failing = byWorkflow.get('failing').id;
check(
  'outcomes',
  tally(seen.filter(({ step, session_id }) => step === 'workflow' && session_id === failing).map(({ outcome }) => outcome)),
  { error: 1 },
);
check('the test trace of the settings page is taken', tested.data?.success ?? tested, true);
check('and arrives', spansOf(file).filter(({ scope }) => scope === 'n8n-otel-test').length, 1);
check('and is no step', seen.length - spans.length, 0);
finish();
