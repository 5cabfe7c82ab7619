// The API as others see it: schemathesis reads its OpenAPI document and asks what it can think of; a client that was written from the
// seed's text alone, with Python's standard library, asks what that text promises.
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { file, freePorts, installed, note, type Running, root, run, runAside, startMisstep, until } from './kit.ts';

const PACKAGE = 'schemathesis==4.32.5';
const [CASES, SEED] = [25, 7];

let misstep: Running;
let url = '';
let key = '';

beforeAll(async () => {
  const [grpc, http, webhook, health, api, metrics] = (await freePorts(6)) as [number, number, number, number, number, number];
  const config = readFileSync(join(root, 'config/platform.yaml'), 'utf8')
    .replace('127.0.0.1:4317', `127.0.0.1:${grpc}`)
    .replace('127.0.0.1:4318', `127.0.0.1:${http}`)
    .replaceAll('127.0.0.1:4320', `127.0.0.1:${webhook}`)
    .replace('127.0.0.1:13133', `127.0.0.1:${health}`)
    // As others reach it: everybody needs a key.
    .replace(
      'endpoint: 127.0.0.1:8000',
      `endpoint: 0.0.0.0:${api}\n    signup: true\n    requests_per_minute: 1000000\n    tenant_requests_per_minute: 1000000`,
    )
    .concat(`  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: localhost, port: ${metrics}}}}}]}}\n`);
  const data = mkdtempSync(join(tmpdir(), 'misstep-peer-data-'));
  misstep = await startMisstep(file('platform.yaml', config), [webhook, api], { MISSTEP_DATA: data });
  url = `http://127.0.0.1:${api}`;
  await until('the API', async () => (await fetch(`${url}/api/v1/health`).catch(() => undefined))?.ok === true);
  const made = await fetch(`${url}/api/v1/auth/tenants`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'peer' }),
  });
  key = ((await made.json()) as { api_key: string }).api_key;
});
afterAll(() => misstep?.stop());

test('a client of the seed works unchanged', { timeout: 120_000 }, () => {
  const missing = JSON.parse(run('python3', [join(root, 'scripts/peers/python/seed_client.py'), url, key], root)) as string[];
  if (missing.length > 0) note(`not served: ${missing.join(', ')}`);
  const parts = [
    '/settings/thresholds',
    '/feedback/recommendations',
    '/benchmarks',
    '/healing',
    '/detections/{detection_id}/fixes',
  ];
  expect(missing.filter((path) => !parts.some((part) => path.split(' ')[1]?.startsWith(part)))).toEqual([]);
});

test('schemathesis finds no answer that the document does not allow', { timeout: 600_000 }, async () => {
  const folder = installed('schemathesis', PACKAGE, (at) => {
    run('python3', ['-m', 'venv', 'venv'], at);
    run(join(at, 'venv/bin/python'), ['-m', 'pip', 'install', '--quiet', PACKAGE], at);
  });
  await fetch(`${url}/api/v1/onboarding/demo`, { method: 'POST', headers: { 'x-misstep-api-key': key } });
  await runAside(
    join(folder, 'venv/bin/schemathesis'),
    [
      ...['run', `${url}/api/v1/openapi.json`, '--header', `X-Misstep-API-Key: ${key}`, '--seed', String(SEED)],
      ...['--phases', 'examples,coverage,fuzzing', '--max-examples', String(CASES), '--checks', 'all'],
      // A cursor, an address and a payload can be well-formed and still be none: schemas do not say that.
      // And who sends a wrong key beside a right one is let in by the right one; bin/api/contract.test.ts asks every route with a wrong one.
      ...['--exclude-checks', 'positive_data_acceptance,ignored_auth'],
      // It would take its own key away, and wait for a stream that stays open.
      ...['--exclude-path', '/api/v1/auth/api-keys/{key_id}', '--exclude-path', '/api/v1/detections/stream'],
      '--no-color',
    ],
    folder,
  );
});
