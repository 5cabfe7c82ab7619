// What rules cost: `node dist/bench/rules.js [rounds]` after a build. Prints µs a step for the rules of examples/rules on the demo's run, best of the
// rounds, and the time that expressions made to be slow take until they have an answer or no budget is left.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { activate } from '../src/detector/options.ts';
import { Player } from '../src/detector/play.ts';
import { documentToProtobuf } from '../src/otlp/json.ts';
import { compile } from '../src/rules/cel.ts';
import { ruleDetector } from '../src/rules/detector.ts';
import { readRules } from '../src/rules/rule.ts';

const rounds = Number(process.argv[2] ?? 20);
const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, 'examples/rules');
const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
const rules = files.flatMap((name) => readRules(name, folder, []).rules);
const recording: unknown = JSON.parse(readFileSync(join(root, 'examples/demo/recording.json'), 'utf8'));
const { body } = documentToProtobuf('traces', recording);

function best(detectors: Parameters<typeof activate>[0]): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const player = new Player(activate(detectors, {}).active);
    const from = performance.now();
    player.play(body);
    const { steps } = player.end();
    least = Math.min(least, ((performance.now() - from) * 1_000) / steps.length);
  }
  return least;
}

const none = best([]);
const all = best(rules.map((rule) => ({ detector: ruleDetector(rule) })));
console.log(`${rules.length} rules: ${(all - none).toFixed(1)} µs a step beside ${none.toFixed(1)} without`);

/** Letters a and b without an order: a pattern that looks back over n of them has 2^n states. */
function mixed(letters: number): string {
  let state = 1;
  return Array.from({ length: letters }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 31 === 0 ? 'a' : 'b';
  }).join('');
}

const scope = { step: { text: 'a'.repeat(16_384), thrash: mixed(16_384), list: Array.from({ length: 1_000 }, (_, i) => i) } };
const types = { step: { text: 'string', thrash: 'string', list: 'list' } };
const slow = {
  'loops in loops': 'step.list.exists(a, step.list.exists(b, step.list.exists(c, a + b + c < 0)))',
  'texts compared': 'step.list.all(a, !step.text.contains("b"))',
  'a pattern on 16,384 letters': 'step.text.matches("^(([a-z])+.)+[A-Z]([a-z])+$")',
  'a pattern that thrashes': 'step.thrash.matches("a[ab]{14}c")',
};
for (const [name, text] of Object.entries(slow)) {
  const { run } = compile(text, types, 'bool');
  let said = '';
  let most = 0;
  for (let round = 0; round < rounds; round++) {
    const from = performance.now();
    try {
      said = String(run(scope));
    } catch (error) {
      said = error instanceof Error ? error.name : String(error);
    }
    most = Math.max(most, performance.now() - from);
  }
  console.log(`${name}: ${most.toFixed(1)} ms at the most, ${said}`);
}
