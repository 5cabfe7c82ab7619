// The Claude Agent SDK's hooks: one input of every event, checked against the SDK's own types, to misstep's HTTP endpoint and through `misstep hook`.
// The SDK itself is not run: it needs its service.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cache, check, connected, finish, must, root, scratch, sidecar, spansOf, steps, tally } from '../harness.mjs';

const home = cache('claude-agent-sdk');
if (!existsSync(join(home, 'node_modules'))) {
  writeFileSync(join(home, 'package.json'), '{"private": true}');
  // Without the program that it starts and the packages beside it: only its types are read.
  const types = ['--omit=optional', '--ignore-scripts', '--legacy-peer-deps'];
  must('npm', ['install', '--no-audit', '--no-fund', ...types, '@anthropic-ai/claude-agent-sdk@0.3.332'], { cwd: home });
}
copyFileSync(join(import.meta.dirname, 'inputs.mjs'), join(home, 'inputs.mjs'));
const strict = ['--noEmit', '--checkJs', '--allowJs', '--strict', '--skipLibCheck', '--target', 'esnext', '--module', 'nodenext'];
const compiled = spawnSync(join(root, 'node_modules/.bin/tsc'), [...strict, 'inputs.mjs'], { cwd: home, encoding: 'utf8' });
check('the inputs are what the SDK’s types say, event by event', compiled.stdout, '');

const { inputs, answer } = await import(pathToFileURL(join(home, 'inputs.mjs')));
const events = [...Object.values(inputs), { ...inputs.Stop, hook_event_name: 'SomethingNew', why: 'later', api_key: 'sk-leak' }];
const misstep = await sidecar(scratch());
const url = `${misstep.webhook}/api/v1/hooks/claude-code`;
const session = (id) => events.map((input) => JSON.stringify({ ...input, session_id: id }));
const [posted, hooked] = ['11111111-2222-4333-8444-555555555555', '66666666-7777-4888-9999-000000000000'];

const answers = [];
for (const body of session(posted)) {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  answers.push(`${response.status} ${await response.text()}`);
}
check(`${events.length} events over HTTP: each is answered`, tally(answers), {
  [`200 ${JSON.stringify(answer)}`]: events.length,
});

const hook = [join(root, 'dist/bin/misstep.js'), 'hook', '--url', url, '--timeout', '10000'];
const said = session(hooked).map((input) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, hook, { input, encoding: 'utf8' });
  return `${status} ${stdout.trim()}${stderr}`;
});
check('the same through misstep hook', tally(said), { [`0 ${JSON.stringify(answer)}`]: events.length });
connected('claude-agent-sdk', misstep);

const file = await misstep.stop();
const seen = steps(file);
const of = (id) => seen.filter(({ session_id }) => session_id === id);
const shape = tally(of(posted).map(({ step, tool, outcome }) => `${step} ${tool ?? ''} ${outcome}`));
check('HTTP: steps', shape, {
  'agent  error': 1,
  'agent  ok': 3,
  'handoff  ok': 1,
  'task  ok': 12,
  'tool Bash blocked': 1,
  'tool Bash handled_error': 1,
  'tool Bash ok': 1,
});
check('misstep hook: the same', tally(of(hooked).map(({ step, tool, outcome }) => `${step} ${tool ?? ''} ${outcome}`)), shape);
const told = spansOf(file).filter(({ attributes }) => attributes['gen_ai.conversation.id'] === posted);
check(
  'an event that is not known is an event',
  told.filter(({ name, attributes }) => name === 'SomethingNew' && attributes['misstep.event.type'] === 'SomethingNew').length,
  1,
);
check('no secret of it', readFileSync(file, 'utf8').includes('sk-leak'), false);
finish();
