// How often `openclaw_sandbox_escape` would call ordinary agent code risky: fenced shell and Python blocks, and scripts in tool arguments, that agents of the
// recorded runs of dev wrote, each once. Nobody labelled them; they are what false alarms are counted on, since the labelled set's style gives its label away.
// `node dist/eval/train/code-blocks.js ../shared/eval/dev` prints, for each set, blocks and the share with a risk at the default mark.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import sandboxEscape from '../../detectors/openclaw/openclaw_sandbox_escape.ts';
import { risksOf } from '../../detectors/openclaw/shell-risk.ts';
import { DetectorHost } from '../../src/detector/host.ts';
import { dialectKeys } from '../../src/dialects/keys.ts';
import { documentToProtobuf } from '../../src/otlp/json.ts';
import { walkTraces } from '../../src/otlp/traces.ts';
import type { Step } from '../../src/step/step.ts';
import { outputText } from '../../src/text/features.ts';
import { leafText } from '../../src/text/json.ts';

const folder = process.argv[2] ?? '../shared/eval/dev';
const SETS = ['trail', 'whowhen', 'agentrx', 'mast'];
const mark = sandboxEscape.meta.options['risk_at']?.default as number;
const fence = /```(\w*)\n([\s\S]*?)```/g;
const language = /^(?:python3?|py|bash|sh|shell)$/i;
/** A block without a named language counts if it has a line of code. */
const code = /^\s*(?:import |from \w+ import|def |print\(|\$ |pip |\w+ = )/m;
const MIN_LENGTH = 10;

function blocksOf(step: Step): string[] {
  const written = `${outputText(step)}\n${step.tool ? leafText(step.tool.arguments ?? '') : ''}`;
  const fenced = [...written.matchAll(fence)]
    .filter(([, name = '', block = '']) => language.test(name) || (name === '' && code.test(block)))
    .map(([, , block = '']) => block.trim());
  const script =
    step.tool && /python|code|exec|shell|bash|terminal/i.test(step.tool.name) ? [leafText(step.tool.arguments ?? '')] : [];
  return [...fenced, ...script].filter((block) => block.length >= MIN_LENGTH);
}

for (const set of SETS) {
  const blocks = new Set<string>();
  const host = new DetectorHost({
    detectors: [],
    onStep: (step) => {
      for (const block of blocksOf(step)) blocks.add(block);
    },
  });
  for (const file of readdirSync(join(folder, set)).sort()) {
    if (!file.endsWith('.otlp.json.gz')) continue;
    const document = JSON.parse(gunzipSync(readFileSync(join(folder, set, file))).toString('utf8'));
    host.process(walkTraces(documentToProtobuf('traces', document).body, dialectKeys), 'default');
  }
  const risky = [...blocks].filter((block) => risksOf(block).some(({ weight }) => weight >= mark));
  process.stdout.write(`${set}: ${blocks.size} blocks, ${risky.length} with a risk at ${mark}\n`);
}
