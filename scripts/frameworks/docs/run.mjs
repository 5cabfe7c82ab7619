// The commands of docs/frameworks, as they stand there, in an empty folder beside a running misstep: each must bring a first step.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cache, check, finish, must, root, scratch, sidecar, steps } from '../harness.mjs';

/** Fenced blocks of a page by language. */
function blocks(page) {
  const text = readFileSync(join(root, `docs/frameworks/${page}.md`), 'utf8');
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language, body]) => ({ language, body }));
}
const only = (page, language) => blocks(page).filter((block) => block.language === language)[0].body;

/** `misstep` as it is called there. */
const bin = scratch();
writeFileSync(join(bin, 'misstep'), `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'dist/bin/misstep.js')}' "$@"\n`);
chmodSync(join(bin, 'misstep'), 0o755);
const path = `${bin}${delimiter}${process.env['PATH']}`;
const shell = (commands, cwd, env = {}) => must('sh', ['-euc', commands], { cwd, env: { ...process.env, PATH: path, ...env } });

for (const page of ['vercel-ai', 'langchain-js']) {
  const program = only(page, 'js');
  check(`${page}: the program is that of examples`, program, readFileSync(join(root, `examples/${page}/agent.mjs`), 'utf8'));
  // Packages are kept for the next run; npm still looks whether they are what is asked for.
  const folder = join(cache('docs'), page);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private": true}');
  writeFileSync(join(folder, 'agent.mjs'), program);
  const misstep = await sidecar(scratch());
  shell(only(page, 'sh'), folder, { OTEL_EXPORTER_OTLP_ENDPOINT: misstep.url });
  check(`${page}: the first step is there`, steps(await misstep.stop()).length > 0, true);
}

const misstep = await sidecar(scratch());
const answer = shell(only('otel', 'sh'), scratch(), { OTEL_EXPORTER_OTLP_ENDPOINT: misstep.url });
check('otel: curl is answered as OTLP asks', JSON.parse(answer), {});
check(
  'otel: the first step is there',
  steps(await misstep.stop()).map(({ step }) => step),
  ['llm'],
);

const said = shell(only('conversations', 'sh'), scratch());
check(
  'conversations: steps in order',
  said
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).step),
  ['workflow', 'agent', 'llm', 'tool', 'llm'],
);
finish();
