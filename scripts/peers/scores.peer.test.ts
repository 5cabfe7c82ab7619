// The vendors' own clients ask a score API for the same thing as the exporters do: what both send to one server is compared.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { factory as datadog } from '../../exporters/datadog/datadog.ts';
import { factory as langfuse } from '../../exporters/langfuse/langfuse.ts';
import { createBudget } from '../../src/component/budget.ts';
import type { Component, Consumer } from '../../src/component/component.ts';
import { testHost, until } from '../../src/component/testing.ts';
import { type Asked, scoreServer } from '../../src/component/testing-scores.ts';
import { detectionId, loggedBatch } from '../../src/detector/testing/logged.ts';
import { installed, note, root, run, runAside } from './kit.ts';

const NPM = ['dd-trace@5.132.0', '@langfuse/core@5.11.1'];

const tool = spawnSync('npm', ['--version']).status === 0;
if (!tool) note('skipped: no npm');

/** Sends one finding, or takes it back, and waits for the answer. */
async function exported(exporter: Component & Consumer, ...changes: Parameters<typeof loggedBatch>[0]): Promise<void> {
  const host = testHost();
  await exporter.start(host);
  for (const changed of changes) await exporter.consume(loggedBatch([changed]));
  await until(() => host.books.sent === changes.length);
  await exporter.shutdown(AbortSignal.timeout(1_000));
}

describe.runIf(tool)(`clients: ${NPM.join(', ')}`, () => {
  let cwd = '';
  const asked: Asked[] = [];
  let server: Awaited<ReturnType<typeof scoreServer>>;

  beforeAll(async () => {
    cwd = installed('scores', NPM.join(' '), (into) => {
      run('npm', ['install', '--prefix', into, '--ignore-scripts', '--no-audit', '--no-fund', ...NPM], into);
    });
    server = await scoreServer((one) => {
      asked.push(one);
      return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ id: 'x', endpoints: [] }) };
    });
  });
  afterAll(() => server.close());

  test('dd-trace: the evaluation', async () => {
    const options = datadog.options.parse({ api: { key: 'key-of-nobody' }, endpoint: server.url, sending_queue: {} });
    asked.length = 0;
    await exported(datadog.create('datadog', options, { budget: createBudget(1e9) }), {});
    const ours = asked[0] as Asked;
    const [mine] = evaluationsIn(ours);
    const told = {
      span: { traceId: mine?.join_on.span.trace_id, spanId: mine?.join_on.span.span_id },
      options: {
        label: mine?.label,
        metricType: mine?.metric_type,
        value: mine?.score_value,
        timestampMs: mine?.timestamp_ms,
        mlApp: mine?.ml_app,
        assessment: mine?.assessment,
        reasoning: mine?.reasoning,
        tags: { detection_id: detectionId(1) },
      },
    };
    asked.length = 0;
    await runAside(process.execPath, [join(root, 'scripts/peers/js/datadog-evaluation.mjs'), JSON.stringify(told)], cwd, {
      DD_API_KEY: 'key-of-nobody',
      DD_LLMOBS_ENABLED: '1',
      DD_LLMOBS_AGENTLESS_ENABLED: '0',
      DD_LLMOBS_ML_APP: 'demo',
      DD_TRACE_OTEL_ENABLED: 'true',
      DD_INSTRUMENTATION_TELEMETRY_ENABLED: 'false',
      DD_REMOTE_CONFIGURATION_ENABLED: 'false',
      _DD_LLMOBS_OVERRIDE_ORIGIN: server.url,
    });
    await until(() => asked.some(({ path }) => path.endsWith('/eval-metric')));
    const theirs = asked.find(({ path }) => path.endsWith('/eval-metric')) as Asked;
    // Only towards its agent, which adds the key, does it go without TLS.
    expect([theirs.method, theirs.path]).toEqual([ours.method, `/evp_proxy/v2${ours.path}`]);
    const [other] = evaluationsIn(theirs);
    expect({ ...mine, tags: [] }).toEqual({ ...other, tags: [] });
    for (const tag of ['source:otel', 'ml_app:demo', `detection_id:${detectionId(1)}`]) {
      expect([mine?.tags, other?.tags]).toEqual([expect.arrayContaining([tag]), expect.arrayContaining([tag])]);
    }
  });

  test('@langfuse/core: the score and its end', async () => {
    const keys = { public_key: 'pk-lf-of-nobody', secret_key: 'sk-lf-of-nobody' };
    const options = langfuse.options.parse({ ...keys, endpoint: server.url, sending_queue: { num_consumers: 1 } });
    asked.length = 0;
    const create = langfuse.create('langfuse', options, { budget: createBudget(1e9) });
    await exported(create, {}, { 'gen_ai.evaluation.score.label': 'withdrawn' });
    const ours = asked.splice(0);
    const score = JSON.stringify(ours[0]?.body);
    const script = join(root, 'scripts/peers/js/langfuse-score.mjs');
    await runAside(process.execPath, [script, score, server.url, keys.public_key, keys.secret_key], cwd);
    const essence = ({ method, path, headers, body }: Asked) => [method, path, headers.authorization, body];
    expect(ours.map(essence)).toEqual(asked.map(essence));
    expect(ours.map(({ method }) => method)).toEqual(['POST', 'DELETE']);
  });
});

interface Evaluation {
  readonly join_on: { readonly span: { readonly trace_id: string; readonly span_id: string } };
  readonly label: string;
  readonly metric_type: string;
  readonly score_value: number;
  readonly timestamp_ms: number;
  readonly ml_app: string;
  readonly assessment: string;
  readonly reasoning: string;
  readonly tags: readonly string[];
}

function evaluationsIn({ body }: Asked): readonly Evaluation[] {
  return (body as { readonly data: { readonly attributes: { readonly metrics: readonly Evaluation[] } } }).data.attributes
    .metrics;
}
