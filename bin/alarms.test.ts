/**
 * What is found in the payloads of frameworks that stand beside the repository: examples, in which little went wrong. A pair that is not listed is a
 * new false alarm, or a finding that somebody has to judge; a listed one that is gone was mended, or is no longer seen.
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sampleNames, samplesExpected, sampleText } from '../receivers/webhook/samples.ts';
import { activate } from '../src/detector/options.ts';
import { provideEmbedding } from '../src/text/embedding.ts';
import { play } from './commands/replay.ts';
import { shippedDetectors } from './detectors.ts';
import { embeddingTable } from './shipped.ts';

/** Folders of samples and the formats that read them; `deepagents` holds definitions of tools, no runs. */
const formats: Readonly<Record<string, string>> = {
  'bedrock-agents': 'bedrock',
  'claude-agent-sdk': 'claude-code',
  'claude-code': 'claude-code',
  'claude-managed-agents': 'managed-agents',
  dify: 'dify',
  'google-adk': 'adk',
  langgraph: 'langgraph',
  'n8n-workflows': 'n8n',
  openai: 'openai',
  openclaw: 'openclaw',
};

/** By format and detector: whether any is flagged (confidence .60), and what an engineer on call makes of them. */
const expected: Readonly<Record<string, readonly ['flagged' | 'below', string]>> = {
  'adk completion': ['flagged', 'true: the model call failed and nothing came after it'],
  'adk tool_failure': ['below', 'true: the same failures, of the call itself'],
  'bedrock hallucination': ['flagged', 'false: a possessive is not told from its name; to do so costs .003 of F1 on grounding'],
  'bedrock injection': ['below', 'false: pages on how models are prompted, and papers that give examples in the imperative'],
  'bedrock tool_failure': ['below', 'true: the code asked for input that nobody could give'],
  'bedrock withholding': ['flagged', 'arguable: the sum is told, the terms that led to it are not'],
  'claude-code hallucination': ['flagged', 'true: the count of folders is one short of those listed'],
  'claude-code injection': ['below', 'false: the message of a commit that the agent itself made'],
  'claude-code tool_failure': ['flagged', 'true: a command failed, and the agent went on as if it had not'],
  'n8n n8n_complexity': ['flagged', 'true: more nodes or branches than nineteen of twenty public workflows'],
  'n8n n8n_cycle': ['below', 'arguable: circles that wait for a condition which need not come'],
  'n8n n8n_error': ['below', 'true: nothing handles a failure of an unattended workflow'],
  'n8n n8n_resource': ['below', 'true: models without a limit of their output'],
  'n8n n8n_timeout': ['below', 'true: no limit of time in any of them'],
};

describe.runIf(samplesExpected)('payloads of frameworks', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'misstep-alarms-'));
  beforeAll(() => provideEmbedding(embeddingTable));
  afterAll(() => {
    provideEmbedding(undefined);
    rmSync(scratch, { recursive: true, force: true });
  });

  it('are all read', () => {
    const folder = resolve(import.meta.dirname, '../../shared/eval/frameworks');
    const folders = readdirSync(folder, { withFileTypes: true }).flatMap((one) => (one.isDirectory() ? [one.name] : []));
    expect(folders.filter((name) => name !== 'deepagents' && formats[name] === undefined)).toEqual([]);
  });

  it('fire as judged', { timeout: 120_000 }, async () => {
    const { active } = activate(shippedDetectors, {});
    const found: Record<string, string> = {};
    const unread: string[] = [];
    for (const [folder, format] of Object.entries(formats))
      for (const name of sampleNames(folder)) {
        const file = join(scratch, name);
        // The documentation that these come from puts several frames on one line; the wire does not.
        writeFileSync(file, sampleText(folder, name).replace(/ (?=data: ?\{)/g, folder === 'dify' ? '\n\n' : ' '));
        const { findings, problems } = await play(file, active, format);
        for (const { detector, confidence } of findings) {
          const key = `${format} ${detector}`;
          if (found[key] !== 'flagged') found[key] = confidence >= 0.6 ? 'flagged' : 'below';
        }
        unread.push(...problems.filter((problem) => !problem.includes('is an error reply')));
      }
    expect(unread).toEqual([]);
    expect(found).toEqual(Object.fromEntries(Object.entries(expected).map(([key, [mark]]) => [key, mark])));
  });
});
