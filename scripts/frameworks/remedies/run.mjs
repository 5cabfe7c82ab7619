// The code that fixes show, against the packages that it names: it parses, what it imports is there, and takes the arguments that are given.
import { fileURLToPath } from 'node:url';
import { check, finish, must, python, root } from '../harness.mjs';

const { frameworks } = await import(`${root}dist/src/healing/fix.js`);
const { mechanisms, remedyOf } = await import(`${root}dist/src/healing/remedies/remedy.js`);
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

const slots = { tool: 'search "all"', agent: 'writer', text: 'Line\nline' };
const code = {};
for (const framework of frameworks)
  for (const mechanism of mechanisms) {
    const remedy = remedyOf(framework, mechanism, slots);
    if (remedy.framework === framework && remedy.language === 'python') code[`${framework} ${mechanism}`] = remedy.code;
  }
const found = JSON.parse(
  must(python('remedies', here('requirements.txt')), [here('check.py')], {
    input: JSON.stringify(code),
    env: { ...process.env, CREWAI_DISABLE_TELEMETRY: 'true' },
  }),
);
for (const [name, wrong] of Object.entries(found)) check(name, wrong, []);
finish();
