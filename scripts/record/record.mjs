// Writes examples/recordings/*.json: real SDKs and instrumentations, installed for the purpose into a temporary folder,
// run against a scripted model. The pinned versions are what was recorded; raise them to see what an update changed.
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startModel } from './model-server.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const out = fileURLToPath(new URL('../../examples/recordings/', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'misstep-record-'));

const NPM = [
  'ai@6.0.326',
  'zod@4.6.7',
  '@opentelemetry/api@1.9.1',
  '@opentelemetry/context-async-hooks@2.12.0',
  '@opentelemetry/otlp-transformer@0.223.1',
  '@opentelemetry/resources@2.12.0',
  '@opentelemetry/sdk-trace-base@2.12.1',
];
const PYPI = [
  'openai==2.54.0',
  'httpx==0.28.1',
  'opentelemetry-sdk==1.45.2',
  'opentelemetry-exporter-otlp-proto-common==1.45.2',
  'opentelemetry-instrumentation-openai-v2==2.4b0',
  // openai-v2 2.4b0 imports a module that later versions no longer have.
  'opentelemetry-util-genai==0.4b0',
  'openinference-instrumentation-openai==0.1.66',
  'opentelemetry-instrumentation-openai==0.62.4',
];

const model = await startModel();
try {
  mkdirSync(out, { recursive: true });
  await recordJavaScript();
  await recordPython();
} finally {
  model.close();
  rmSync(work, { recursive: true, force: true });
}

async function recordJavaScript() {
  cpSync(here, join(work, 'js'), { recursive: true });
  writeFileSync(join(work, 'js/package.json'), '{ "private": true, "type": "module" }\n');
  await run('npm', ['install', '--silent', '--no-audit', '--no-fund', '--ignore-scripts', ...NPM], join(work, 'js'));
  for (const name of ['otel-js', 'vercel-ai']) await run('node', [`${name}.mjs`, join(out, `${name}.json`)], join(work, 'js'));
}

async function recordPython() {
  const python = join(work, 'venv/bin/python');
  await run('python3', ['-m', 'venv', join(work, 'venv')], work);
  await run(python, ['-m', 'pip', 'install', '--quiet', ...PYPI], work);
  for (const name of ['openai-v2', 'openinference', 'traceloop']) {
    await run(python, [join(here, 'openai_client.py'), name, model.url, join(out, `${name}.json`)], work);
  }
}

function run(command, args, cwd) {
  console.log(`$ ${[command, ...args].join(' ')}`);
  return new Promise((resolve, reject) => {
    spawn(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] })
      .on('error', reject)
      .on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${command} ended with ${code}`))));
  });
}
