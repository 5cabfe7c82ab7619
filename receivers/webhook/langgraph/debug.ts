/** LangGraph's debug stream (`checkpoint`, `task`, `task_result`) as the steps and checkpoints of the run's body. */
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, identifier, list, members, number, word } from '../payload.ts';

const types = new Set(['checkpoint', 'task', 'task_result']);

/** An event as the stream has it, or within `{event, data}` as the platform sends it. */
function eventOf(item: unknown): unknown {
  return isObject(member(item, 'data')) && member(item, 'payload') === undefined ? member(item, 'data') : item;
}

export function isDebug(item: unknown): boolean {
  const event = eventOf(item);
  return types.has(word(member(event, 'type')) ?? '') && isObject(member(event, 'payload'));
}

/** Members `steps` and `checkpoints` of a run's body. A task that has no result ran until the stream ended. */
export function fromDebug(items: readonly unknown[]): Dict {
  const steps = new Map<string, Record<string, unknown>>();
  const checkpoints: unknown[] = [];
  for (const item of items) {
    if (!isDebug(item)) continue;
    const event = eventOf(item);
    const payload = member(event, 'payload');
    const superstep = number(member(event, 'step'));
    const timestamp = member(event, 'timestamp');
    if (member(event, 'type') === 'checkpoint') {
      const config = member(member(payload, 'config'), 'configurable');
      checkpoints.push({
        checkpoint_id: member(config, 'checkpoint_id'),
        checkpoint_ns: member(config, 'checkpoint_ns'),
        superstep,
        timestamp,
        source: member(member(payload, 'metadata'), 'source'),
        next: member(payload, 'next'),
        state: member(payload, 'values'),
      });
      continue;
    }
    const id = identifier(member(payload, 'id')) ?? `${superstep}:${identifier(member(payload, 'name'))}`;
    let step = steps.get(id);
    if (step === undefined) {
      step = { id, node_id: member(payload, 'name'), superstep, namespace: namespaceOf(item) };
      steps.set(id, step);
    }
    if (member(event, 'type') === 'task')
      Object.assign(step, {
        started_at: timestamp,
        inputs: member(payload, 'input'),
        triggers: member(payload, 'triggers'),
        metadata: member(payload, 'metadata'),
      });
    else
      Object.assign(step, {
        finished_at: timestamp,
        outputs: writesOf(firstMember(payload, ['result'])),
        error: member(payload, 'error'),
        interrupts: member(payload, 'interrupts'),
        status: member(payload, 'error') === undefined ? 'succeeded' : 'failed',
      });
  }
  return { steps: [...steps.values()], checkpoints };
}

/** `debug|node:task|…` names the subgraph. */
function namespaceOf(item: unknown): string | undefined {
  const event = word(member(item, 'event'));
  const bar = event?.indexOf('|') ?? -1;
  return bar < 0 ? undefined : event!.slice(bar + 1);
}

/** Writes as an object; several to one channel become `{$writes: […]}`, as the framework has it. */
function writesOf(result: unknown): unknown {
  if (!Array.isArray(result)) return result;
  const writes = new Map<string, unknown[]>();
  for (const pair of result) {
    const channel = word(list(pair)[0]);
    if (channel === undefined) continue;
    const former = writes.get(channel);
    if (former === undefined) writes.set(channel, [list(pair)[1]]);
    else former.push(list(pair)[1]);
  }
  return Object.fromEntries(
    members(Object.fromEntries(writes)).map(([channel, values]) => [
      channel,
      list(values).length === 1 ? list(values)[0] : { $writes: values },
    ]),
  );
}
