/** Histories of a thread (`get_state_history()`, `/threads/{id}/history`), newest first, as the steps and checkpoints of a run's body. */
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, dict, identifier, list, members, number, time } from '../payload.ts';
import { writesOf } from './debug.ts';
import { plainMessage } from './tasks.ts';

export function isSnapshot(item: unknown): boolean {
  return (
    isObject(item) &&
    member(item, 'values') !== undefined &&
    (Array.isArray(member(item, 'next')) || Array.isArray(member(item, 'tasks'))) &&
    isObject(firstMember(item, ['config', 'checkpoint', 'metadata']))
  );
}

export function fromSnapshots(items: readonly unknown[]): Dict {
  const given = items.filter(isSnapshot);
  const first = orderOf(given[0]);
  const last = orderOf(given.at(-1));
  const snapshots = first !== undefined && last !== undefined && first > last ? [...given].reverse() : given;
  const body: Record<string, unknown> = {};
  const steps: unknown[] = [];
  const checkpoints = snapshots.map((snapshot, i) => {
    const config = dict(firstMember(snapshot, ['config', 'checkpoint']));
    const ids = dict(member(config, 'configurable') ?? config);
    const metadata = member(snapshot, 'metadata');
    for (const name of ['run_id', 'thread_id', 'graph_id', 'assistant_id'])
      body[name] ??= identifier(member(ids, name)) ?? identifier(member(metadata, name));
    const superstep = number(member(metadata, 'step'));
    const at = member(snapshot, 'created_at');
    const after = snapshots[i + 1];
    for (const task of list(member(snapshot, 'tasks'))) {
      if (member(task, 'name') === '__start__' && after === undefined) continue;
      const error = member(task, 'error');
      steps.push({
        id: member(task, 'id'),
        node_id: member(task, 'name'),
        superstep: superstep === undefined ? undefined : superstep + 1,
        started_at: at,
        finished_at: member(after, 'created_at'),
        inputs: member(snapshot, 'values'),
        outputs:
          writesOf(member(task, 'result')) ?? member(member(member(after, 'metadata'), 'writes'), String(member(task, 'name'))),
        error,
        interrupts: member(task, 'interrupts'),
        status: (error ?? null) !== null ? 'failed' : after === undefined ? 'pending' : 'succeeded',
      });
    }
    return {
      checkpoint_id: member(ids, 'checkpoint_id') ?? member(snapshot, 'checkpoint_id'),
      checkpoint_ns: member(ids, 'checkpoint_ns'),
      superstep,
      timestamp: at,
      source: member(metadata, 'source'),
      next: member(snapshot, 'next'),
      state: member(snapshot, 'values'),
    };
  });
  return { ...body, steps: steps.filter((step) => member(step, 'node_id') !== '__start__'), checkpoints };
}

function orderOf(snapshot: unknown): number | undefined {
  return time(member(snapshot, 'created_at')) ?? number(member(member(snapshot, 'metadata'), 'step'));
}

/** The messages of this run in a thread's: what stands after the last thing that a person said, as steps of models and tools. */
export function fromMessages(values: unknown): readonly Dict[] {
  const messages = list(member(values, 'messages')).slice(-2000).map(plainMessage);
  const role = (message: unknown) => firstMember(message, ['type', 'role']);
  const asked = messages.findLastIndex((message) => role(message) === 'human' || role(message) === 'user');
  const steps: Dict[] = [];
  messages.slice(asked + 1).forEach((message, i) => {
    const kind = role(message);
    const before = messages.slice(Math.max(0, asked), asked + 1 + i);
    if (kind === 'ai' || kind === 'assistant')
      steps.push({
        id: member(message, 'id'),
        node_id: 'model',
        node_type: 'llm',
        inputs: { messages: before },
        outputs: { messages: [message] },
      });
    else if (kind === 'tool')
      steps.push({
        id: member(message, 'id'),
        node_id: 'tools',
        node_type: 'tool',
        inputs: { messages: before },
        outputs: { messages: [message] },
      });
  });
  return steps.filter((step) => members(step).length > 0);
}
