// LangChain.js: the program of examples/langchain-js, through its own instrumentation, into misstep.
import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cache, check, connected, finish, must, root, scratch, sidecar, steps } from '../harness.mjs';

const folder = cache('langchain-js');
if (!existsSync(join(folder, 'node_modules'))) {
  writeFileSync(join(folder, 'package.json'), '{"private": true}');
  must(
    'npm',
    [
      'install',
      '--no-audit',
      '--no-fund',
      'langchain@1',
      '@langchain/core@1',
      '@arizeai/openinference-instrumentation-langchain@4',
      'zod@4',
      '@opentelemetry/sdk-trace-node@2',
      '@opentelemetry/exporter-trace-otlp-proto',
    ],
    { cwd: folder },
  );
}
copyFileSync(join(root, 'examples/langchain-js/agent.mjs'), join(folder, 'agent.mjs'));

const misstep = await sidecar(scratch());
const said = must(process.execPath, ['agent.mjs'], {
  cwd: folder,
  env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: misstep.url },
});
connected('langchain', misstep);
const seen = steps(await misstep.stop()).filter(({ rollup }) => !rollup);
const of = (kind) => seen.filter(({ step }) => step === kind);
check('the program ends', said, 'It rains in Bonn.\n');
check('two model calls', of('llm').length, 2);
check(
  'one tool call, by name',
  of('tool').map(({ tool }) => tool),
  ['weather'],
);
check('one trace', new Set(seen.map(({ trace_id }) => trace_id)).size, 1);
finish();
