// Processes are real; the command they run is a script that answers as `replay` does.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openPack } from './pack.ts';
import { play } from './play.ts';
import { Predictions } from './predictions.ts';

const root = mkdtempSync(join(tmpdir(), 'misstep-play-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const id = 'ab'.repeat(16);
const command = join(root, 'replay.mjs');
writeFileSync(
  command,
  `const [, , name, , format, ...rest] = process.argv;
const files = rest.slice(rest.indexOf('jsonl') + 1);
if (format === 'n8n') { console.error('no such format'); process.exit(2); }
for (const source of files) console.log(JSON.stringify({ kind: 'detection', source, detector: name, trace_id: '${id}', confidence: 0.9 }));`,
);
mkdirSync(join(root, 'golden'));
writeFileSync(
  join(root, 'golden/labels.jsonl'),
  JSON.stringify({ id: '1', trace_id: id, label: 1, source: 's', detectors: ['replay'] }),
);
for (const name of ['traces', 'n8n', 'dify']) writeFileSync(join(root, `golden/${name}.jsonl.gz`), '');

test('every file is played with its format; what could not be played is said, never lost', async () => {
  const pack = openPack(root);
  const predictions = new Predictions(pack);
  const keep = join(root, 'kept.jsonl');
  const done: string[] = [];
  const problems = await play(pack, predictions, { command, processes: 2, keep, onSet: (set) => done.push(set) });
  expect(problems).toEqual(['golden/n8n.jsonl.gz (n8n): no such format']);
  expect(predictions.of(id)).toHaveLength(2);
  expect(predictions.lines).toEqual({ 'detection matched': 2 });
  expect(readFileSync(keep, 'utf8').trimEnd().split('\n')).toHaveLength(2);
  expect(done).toEqual(['golden']);
});
