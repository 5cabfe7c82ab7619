/**
 * What LangGraph streams of a run, as the steps and checkpoints of the run's body: events of mode `debug` (`checkpoint`, `task`,
 * `task_result`), of modes `tasks` and `checkpoints`, as the platform's event stream (`debug|node:task`), as parts `{type, ns, data}`
 * and as tuples `[ns, mode, chunk]`, `[ns, chunk]`. Messages say which model a task called.
 */
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, dict, identifier, list, members, number, word } from '../payload.ts';

const types = new Set(['checkpoint', 'task', 'task_result']);
const modes = new Set(['debug', 'tasks', 'checkpoints']);

interface Event {
  readonly type: string;
  readonly step: number | undefined;
  readonly timestamp: unknown;
  readonly payload: unknown;
  /** Subgraph: `node:task` parts joined by `|`; empty for the graph itself. */
  readonly namespace: string;
}

export function isDebug(item: unknown): boolean {
  return eventOf(item) !== undefined;
}

/** True for any record of a stream, also those that are no event of a task. */
export function isStreamRecord(item: unknown): boolean {
  return isDebug(item) || (word(member(item, 'event')) !== undefined && member(item, 'data') !== undefined);
}

function eventOf(item: unknown): Event | undefined {
  const { namespace, mode, chunk } = placed(item);
  const type = word(member(chunk, 'type')) ?? '';
  if (types.has(type) && isObject(member(chunk, 'payload')))
    return {
      type,
      step: number(member(chunk, 'step')),
      timestamp: member(chunk, 'timestamp'),
      payload: member(chunk, 'payload'),
      namespace,
    };
  if (mode !== 'tasks' && mode !== 'checkpoints') return undefined;
  const checkpoint = mode === 'checkpoints';
  return {
    type: checkpoint
      ? 'checkpoint'
      : member(chunk, 'result') === undefined && member(chunk, 'error') === undefined
        ? 'task'
        : 'task_result',
    step: checkpoint ? number(member(member(chunk, 'metadata'), 'step')) : undefined,
    timestamp: undefined,
    payload: chunk,
    namespace,
  };
}

/** Takes the wrapping off: what was streamed, in which mode, of which subgraph. */
function placed(item: unknown): { readonly namespace: string; readonly mode: string | undefined; readonly chunk: unknown } {
  if (Array.isArray(item)) {
    const at = item.findIndex((one) => typeof one === 'string' && modes.has(one));
    // One mode and subgraphs: the mode is left out.
    if (at < 0) return { namespace: joined(list(item[0])), mode: undefined, chunk: item[1] };
    return { namespace: joined(at > 0 ? list(item[0]) : []), mode: String(item[at]), chunk: item[at + 1] };
  }
  const named = word(member(item, 'event'));
  if (named !== undefined && member(item, 'payload') === undefined) {
    const bar = named.indexOf('|');
    return {
      namespace: bar < 0 ? '' : named.slice(bar + 1),
      mode: bar < 0 ? named : named.slice(0, bar),
      chunk: member(item, 'data'),
    };
  }
  if (Array.isArray(member(item, 'ns')))
    return { namespace: joined(list(member(item, 'ns'))), mode: word(member(item, 'type')), chunk: member(item, 'data') };
  return {
    namespace: '',
    mode: undefined,
    chunk: isObject(member(item, 'data')) && member(item, 'payload') === undefined ? member(item, 'data') : item,
  };
}

function joined(parts: readonly unknown[]): string {
  return parts.filter((part) => typeof part === 'string').join('|');
}

/** Members `steps`, `checkpoints` and ids of a run's body. A task that has no result ran until the stream ended. */
export function fromDebug(items: readonly unknown[]): Dict {
  const steps = new Map<string, Record<string, unknown>>();
  const checkpoints: unknown[] = [];
  const body: Record<string, unknown> = {};
  const models = new Map<string, Dict>();
  for (const item of items) {
    const event = eventOf(item);
    if (event === undefined) {
      aside(item, body, models);
      continue;
    }
    const { type, payload, namespace, timestamp } = event;
    if (type === 'checkpoint') {
      const config = dict(firstMember(payload, ['config', 'checkpoint']));
      const ids = dict(member(config, 'configurable') ?? config);
      for (const name of ['run_id', 'thread_id', 'graph_id', 'assistant_id']) body[name] ??= identifier(member(ids, name));
      body['recursion_limit'] ??= number(member(config, 'recursion_limit'));
      body['versions'] ??= versionsIn(member(payload, 'metadata'));
      checkpoints.push({
        checkpoint_id: member(ids, 'checkpoint_id'),
        checkpoint_ns: word(member(ids, 'checkpoint_ns')) ?? namespace,
        superstep: event.step,
        timestamp,
        source: member(member(payload, 'metadata'), 'source'),
        next: member(payload, 'next'),
        state: member(payload, 'values'),
      });
      continue;
    }
    const id = identifier(member(payload, 'id')) ?? `${event.step}:${identifier(member(payload, 'name'))}`;
    let step = steps.get(id);
    if (step === undefined) {
      step = { id, node_id: member(payload, 'name'), superstep: event.step, ...(namespace === '' ? {} : { namespace }) };
      steps.set(id, step);
    }
    if (type === 'task')
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
        status: (member(payload, 'error') ?? null) === null ? 'succeeded' : 'failed',
      });
  }
  for (const [place, said] of models) {
    const step = steps.get(place.slice(place.lastIndexOf(':') + 1));
    if (step !== undefined) step['metadata'] = { ...said, ...dict(step['metadata']) };
  }
  return { ...body, steps: [...steps.values()], checkpoints };
}

const modelFacts = ['ls_model_name', 'ls_provider', 'lc_agent_name', 'langgraph_node', 'langgraph_step'];

/** Records that are no task: the run's ids, its error, and which model spoke where. */
function aside(item: unknown, body: Record<string, unknown>, models: Map<string, Dict>): void {
  const { mode, chunk } = placed(item);
  if (mode === 'metadata') {
    body['run_id'] = identifier(member(chunk, 'run_id')) ?? body['run_id'];
    body['attempt'] = number(member(chunk, 'attempt'));
  } else if (mode === 'error') Object.assign(body, { status: 'error', error: chunk });
  else if (mode === 'messages/metadata')
    for (const [, said] of members(chunk)) {
      const metadata = dict(member(said, 'metadata'));
      const place = word(member(metadata, 'langgraph_checkpoint_ns')) ?? word(member(metadata, 'checkpoint_ns'));
      if (place === undefined || models.size >= 10_000) continue;
      models.set(
        place,
        Object.fromEntries(modelFacts.flatMap((key) => (metadata[key] === undefined ? [] : [[key, metadata[key]]]))),
      );
      body['versions'] ??= versionsIn(metadata);
    }
}

/** Versions that the platform writes into its metadata. */
export function versionsIn(metadata: unknown): Dict | undefined {
  const found = ['langgraph_version', 'langgraph_js_version'].flatMap((key) => {
    const version = word(member(metadata, key));
    return version === undefined ? [] : [[key, version] as const];
  });
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

/** Writes as an object; several to one channel become `{$writes: […]}`, as the framework has it. */
export function writesOf(result: unknown): unknown {
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
