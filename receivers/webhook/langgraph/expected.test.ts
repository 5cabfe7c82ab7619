// A real stream of the platform, as its events and as the debug records taken from it, against the counts of the records.
import { describe, expect, it } from 'vitest';
import { expectedOf, samplesExpected, sampleText } from '../samples.ts';
import { serverSentEvents } from '../sse.ts';
import { stepsOf } from '../testing.ts';
import { hints, langgraph } from './langgraph.ts';

interface Expected {
  readonly max_step: number;
  readonly namespaces: readonly string[];
  readonly task_errors: number;
  readonly tasks: Readonly<Record<string, number>>;
  readonly types: Readonly<Record<string, number>>;
}

const records = () =>
  sampleText('langgraph', 'platform_debug_events.jsonl')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);

const ways: readonly [string, () => unknown][] = [
  ['debug records', records],
  ['the event stream', () => serverSentEvents(sampleText('langgraph', 'platform_runs_stream_debug.sse.txt'))],
  ['records in a run’s body', () => ({ run_id: '01994ed8-29c4-7108-93d4-d649c7a9e370', steps: records() })],
];

describe.runIf(samplesExpected)('a stream of the platform', () => {
  it.each(ways)('as %s', (_, payload) => {
    const expected = expectedOf<Expected>('langgraph', 'platform_debug_events.jsonl')!;
    const documents = langgraph(payload());
    const [root, ...tasks] = stepsOf(documents);
    const checkpoints = root!.extra['checkpoints'] as readonly { superstep: number; namespace: string }[];
    const named: Record<string, number> = {};
    for (const task of tasks) named[task.name] = (named[task.name] ?? 0) + 1;
    const namespaces = new Set([
      ...tasks.map((task) => task.extra['node.namespace'] ?? ''),
      ...checkpoints.map(({ namespace }) => namespace),
    ]);
    const ended = tasks.filter((task) => task.extra['node.status'] !== undefined);
    expect({
      max_step: Math.max(...checkpoints.map(({ superstep }) => superstep)),
      namespaces: [...namespaces].map((one) => (one === '' ? 'debug' : `debug|${String(one)}`)).sort(),
      task_errors: tasks.filter(({ outcome }) => outcome !== 'ok').length,
      tasks: named,
      types: { checkpoint: checkpoints.length, task: tasks.length, task_result: ended.length },
    }).toEqual(expected);
    expect(root).toMatchObject({
      traceId: '01994ed829c4710893d4d649c7a9e370',
      sessionId: '23c8ebb7-3500-4f73-9b02-ab2184201bdf',
    });
    // Tasks of the subgraph stand below the task that runs it, and have their own history.
    const research = tasks.find(({ name }) => name === 'conduct_research')!;
    const below = tasks.filter(({ parentId }) => parentId === research.spanId);
    expect(below.map(({ name }) => name)).toEqual(['generate_queries', ...Array<string>(3).fill('retrieve_documents')]);
    expect(below[0]!.stateBefore).not.toHaveProperty('messages');
    const answer = tasks.find(({ name }) => name === 'respond')!;
    expect(answer).toMatchObject({
      kind: 'llm',
      tokens: { input: 3003, output: 44 },
      responseModel: 'claude-3-5-haiku-20241022',
    });
    expect(JSON.stringify(documents)).not.toMatch(/Bearer|REDACTED|x-real-ip|user-agent|sec-fetch/);
  });

  it('hints: the records have states and steps, and no limit', () => {
    expect(hints(records())).toEqual([expect.stringMatching(/^No recursion limit/)]);
  });
});
