// npm run new:detector <family> <id>: writes the files of a detector, which compile and whose table
// fails only for the missing logic. Nothing is overwritten.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const families = ['planning', 'execution', 'coordination', 'verification', 'behavior', 'n8n', 'dify', 'openclaw', 'langgraph'];
const root = process.env['MISSTEP_ROOT'] ?? fileURLToPath(new URL('..', import.meta.url));

const [family = '', id = ''] = process.argv.slice(2);
const problems = [];
if (!families.includes(family)) problems.push(`family '${family}' is none of ${families.join(', ')}.`);
if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(id))
  problems.push(`id '${id}' must be lower_snake_case and name the failure, as in goal_drift.`);
for (const other of families) {
  if (existsSync(join(root, 'detectors', other, `${id}.ts`)))
    problems.push(`detectors/${other}/${id}.ts exists; an id is used once.`);
}
if (problems.length > 0) {
  for (const problem of problems) console.error(problem);
  console.error('Usage: npm run new:detector <family> <id>');
  process.exit(2);
}

const camel = id.replaceAll(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
const name = /^(new|in|do|if|for|case|switch|default|delete|void|with|try|this|enum)$/.test(camel) ? `${camel}Detector` : camel;

const source = `/** ${id}: what it fires on, in one sentence; then what it keeps, and why that is enough. */
import { defineDetector } from '../../src/detector/detector.ts';

interface State {
  count: number;
}

const options = {
  min_count: {
    type: 'integer',
    text: 'Occurrences before it is reported.',
    default: 3,
    min: 1,
    max: 100,
    source: 'Judgement: say where the number comes from.',
  },
} as const;

const messages = {
  found: {
    text: "Tool '{{tool}}' did it {{count}} times.",
    tier: 1,
    severity: 'medium',
    impact: 'Say what it costs if nobody acts.',
    action: 'Say what to do.',
    taxonomy: { mast: [], trail: [], owasp: [], modes: [] },
  },
} as const;

export default defineDetector({
  meta: {
    id: '${id}',
    family: '${family}',
    scope: 'agent',
    version: 1,
    stateVersion: 1,
    needs: ['tool.name'],
    summary: 'Finds nothing yet.',
    docs: {
      what: 'What it looks at, and when it fires.',
      why: 'Why that is a failure, and how often it happens.',
      fix: 'What helps against it.',
      limits: 'Known false alarms and blind spots.',
      sources: [],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.rollup || step.tool === undefined) return state;
    const next = state ?? { count: 0 };
    // The logic: fold the step into the state, and report.
    if (next.count >= ctx.options.min_count) {
      ctx.report('found', { at: step, key: step.tool.name, score: 0.5, data: { tool: step.tool.name, count: next.count } });
    }
    return next;
  },
});
`;

const test = `import { times, tool } from '../../src/detector/testing/builders.ts';
import { testDetector } from '../../src/detector/testing/tester.ts';
import ${name} from './${id}.ts';

testDetector(
  ${name},
  {
    quiet: [
      { name: 'one short of it', nearMiss: true, steps: times(2, tool('search', { q: 'x' }, { result: 'y' })) },
      { name: 'a higher limit', options: { min_count: 4 }, steps: times(3, tool('search', { q: 'x' }, { result: 'y' })) },
    ],
    fires: [
      {
        name: 'as often as it takes',
        steps: times(3, tool('search', { q: 'x' }, { result: 'y' })),
        expect: [{ message: 'found', data: { count: 3 } }],
      },
    ],
  },
  import.meta.url,
);
`;

const scenarios = `# What must be found, and not found, in every dialect and both wire formats. Language: docs/scenarios.md.
- name: it happens
  script: |
    agent researcher
    3x tool search {"q":"x"} -> "y"
  expect:
    - { message: found }

- name: it nearly happens
  script: |
    2x tool search {"q":"x"} -> "y"
  expect: []
`;

const fit = `{
  "provisional": true,
  "points": {
    "found": [[0, 0.1], [0.5, 0.5], [1, 0.9]]
  }
}
`;

const folder = join(root, 'detectors', family);
mkdirSync(folder, { recursive: true });
for (const [file, text] of [
  [`${id}.ts`, source],
  [`${id}.test.ts`, test],
  [`${id}.scenarios.yaml`, scenarios],
  [`${id}.fit.json`, fit],
]) {
  writeFileSync(join(folder, file), text, { flag: 'wx' });
  console.log(`wrote detectors/${family}/${file}`);
}
console.log(`Next: the logic in ${id}.ts, then npx vitest run detectors/${family}/${id}, then npm run generate.`);
