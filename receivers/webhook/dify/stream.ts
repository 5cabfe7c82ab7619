/**
 * Dify's stream of a run (`workflow_started`, `node_started`, `node_finished`, `agent_thought`, `message_end`, …) as the body of
 * that run. Pieces of text are counted and joined; a node that never finished stays open.
 */
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, dict, firstNumber, firstWord, identifier, list, number, word } from '../payload.ts';

/** Runs told apart in one recording. */
const maxRuns = 1000;
/** Characters of an answer or thought that pieces are joined to. */
const maxText = 65_536;

/** A frame as the stream has it, or within `{event, data}` as a reader of event streams gives it. */
export function frameOf(item: unknown): Dict | undefined {
  const inner = member(item, 'data');
  const frame = word(member(item, 'event')) === undefined && isObject(inner) ? inner : item;
  if (!isObject(frame) || word(member(frame, 'event')) === undefined) return undefined;
  const known = firstMember(frame, ['task_id', 'workflow_run_id', 'conversation_id', 'message_id']);
  return known === undefined ? undefined : frame;
}

interface Told {
  readonly frames: Dict[];
  lost: number;
}

/** One body a run, in the order of their first frames. A frame that names no run belongs to the run of its task. */
export function fromStream(items: readonly unknown[]): readonly Dict[] {
  const tasks = new Map<string, Told>();
  let last: Told | undefined;
  for (const item of items) {
    const frame = frameOf(item);
    if (frame === undefined) {
      if (last !== undefined) last.lost++;
      continue;
    }
    const id = identifier(firstMember(frame, ['task_id', 'workflow_run_id', 'message_id', 'conversation_id'])) ?? '';
    let told = tasks.get(id);
    if (told === undefined) {
      if (tasks.size >= maxRuns) continue;
      told = { frames: [], lost: 0 };
      tasks.set(id, told);
    }
    told.frames.push(frame);
    last = told;
  }
  return [...tasks.values()].map(bodyOf);
}

/** The last `_finished` state of a node run wins over what its start said; retries are runs of their own. */
class Nodes {
  readonly all: Record<string, unknown>[] = [];
  readonly #open = new Map<string, Record<string, unknown>>();

  started(data: unknown): void {
    const node = { ...dict(data) };
    this.all.push(node);
    this.#open.set(keyOf(data), node);
  }

  finished(data: unknown): void {
    const node = this.#open.get(keyOf(data));
    if (node === undefined) this.all.push({ ...dict(data) });
    else Object.assign(node, dict(data));
    this.#open.delete(keyOf(data));
  }

  /** A failed attempt: the run that it belongs to goes on. */
  retried(data: unknown): void {
    this.all.push({
      ...dict(data),
      id: `${keyOf(data)}#${firstNumber(data, ['retry_index']) ?? this.all.length}`,
      status: 'retry',
    });
  }

  /** What is said of a node beside its run, such as its thoughts. */
  of(nodeId: string | undefined): Record<string, unknown> | undefined {
    return nodeId === undefined ? undefined : this.all.findLast((node) => node['node_id'] === nodeId);
  }
}

function keyOf(data: unknown): string {
  return identifier(firstMember(data, ['id', 'node_id'])) ?? '';
}

/** Which frames start and end a container (`iteration_*`, `loop_*`): their data has the shape of a node. */
const starts = new Set(['node_started', 'iteration_started', 'loop_started']);
const ends = new Set(['node_finished', 'iteration_completed', 'loop_completed']);

function bodyOf({ frames, lost }: Told): Dict {
  const nodes = new Nodes();
  const counts: Record<string, number> = Object.create(null) as Record<string, number>;
  const body: Record<string, unknown> = {};
  const thoughts: unknown[] = [];
  let answer = '';
  for (const frame of frames) {
    const event = word(member(frame, 'event')) ?? '';
    counts[event] = (counts[event] ?? 0) + 1;
    const data = member(frame, 'data');
    for (const name of ['workflow_run_id', 'task_id', 'message_id', 'conversation_id'])
      body[name] ??= identifier(member(frame, name));
    if (event === 'workflow_started') Object.assign(body, started(data));
    else if (event === 'workflow_finished') Object.assign(body, dict(data), { finished: true });
    else if (event === 'workflow_paused') body['status'] ??= 'paused';
    else if (starts.has(event)) nodes.started(contained(event, data));
    else if (ends.has(event)) nodes.finished(contained(event, data));
    else if (event === 'node_retry') nodes.retried(data);
    else if (event === 'agent_thought') thoughts.push(frame);
    else if (event === 'message' || event === 'agent_message') answer += cut(answer, word(member(frame, 'answer')));
    else if (event === 'message_end') body['end'] = frame;
    else if (event === 'error') Object.assign(body, { status: 'failed', error: frame });
    else if (event === 'reasoning_chunk')
      add(nodes.of(identifier(member(data, 'node_id'))), 'reasoning', member(data, 'reasoning'));
    else if (event === 'text_chunk')
      add(nodes.of(identifier(list(member(data, 'from_variable_selector'))[0])), 'said', member(data, 'text'));
    else if (event === 'human_input_required') waits(nodes, data);
  }
  const run = identifier(body['workflow_run_id']);
  return {
    ...body,
    id: run ?? identifier(firstMember(body, ['message_id', 'task_id'])),
    workflow_run: run,
    nodes:
      run === undefined && nodes.all.length === 0 ? answers(body, answer, thoughts) : [...nodes.all, ...thoughts.map(thought)],
    ...(answer === '' ? {} : { answer }),
    stream: { frames: frames.length, events: { ...counts }, ...(lost === 0 ? {} : { unread: lost }) },
  };
}

function started(data: unknown): Dict {
  return {
    id: member(data, 'id'),
    workflow_id: member(data, 'workflow_id'),
    inputs: member(data, 'inputs'),
    created_at: member(data, 'created_at'),
  };
}

/** The frames of containers leave their type out. */
function contained(event: string, data: unknown): unknown {
  const type = event.slice(0, event.indexOf('_'));
  return type === 'node' ? data : { node_type: type, ...dict(data) };
}

function cut(former: string, more: string | undefined): string {
  return (more ?? '').slice(0, Math.max(0, maxText - former.length));
}

function add(node: Record<string, unknown> | undefined, name: string, more: unknown): void {
  if (node === undefined) return;
  const former = word(node[name]) ?? '';
  node[name] = former + cut(former, word(more));
}

/** A node at which a person is asked. */
function waits(nodes: Nodes, data: unknown): void {
  nodes.started({
    node_id: member(data, 'node_id'),
    id: member(data, 'form_id'),
    title: member(data, 'node_title'),
    node_type: 'human_input',
    status: 'paused',
    inputs: { form: member(data, 'form_content'), actions: member(data, 'actions') },
  });
}

/** A chat without a workflow: its model calls are the thoughts, or the one answer. */
function answers(body: Dict, answer: string, thoughts: readonly unknown[]): readonly unknown[] {
  const end = body['end'];
  const usage = member(member(end, 'metadata'), 'usage');
  const found = firstMember(member(end, 'metadata'), ['retriever_resources']);
  const retrieved =
    list(found).length === 0
      ? []
      : [
          {
            node_id: 'retrieval',
            node_type: 'knowledge_retrieval',
            title: 'Knowledge',
            status: 'succeeded',
            outputs: { result: found },
          },
        ];
  return [
    ...retrieved,
    ...thoughts.map(thought),
    {
      node_id: 'answer',
      id: identifier(member(end, 'message_id')) ?? identifier(body['message_id']),
      node_type: 'llm',
      title: 'Answer',
      status: end === undefined ? 'running' : 'succeeded',
      outputs: answer === '' ? {} : { text: answer },
      execution_metadata: { usage, total_tokens: member(usage, 'total_tokens'), total_price: member(usage, 'total_price') },
      created_at: member(end, 'created_at'),
      elapsed_time: number(member(usage, 'latency')),
    },
  ];
}

/** A thought of an agent: the tool that it calls, else what it thinks. */
function thought(frame: unknown): Dict {
  const tool = firstWord(frame, ['tool']);
  const position = firstNumber(frame, ['position']);
  const base = {
    id: member(frame, 'id'),
    node_id: `thought-${position ?? ''}`,
    created_at: member(frame, 'created_at'),
    status: 'succeeded',
  };
  return tool === undefined
    ? { ...base, node_type: 'llm', title: 'Thought', outputs: { text: member(frame, 'thought') } }
    : {
        ...base,
        node_type: 'tool',
        title: tool,
        inputs: argumentsOf(member(frame, 'tool_input'), tool),
        outputs: { result: member(frame, 'observation') },
        thought: member(frame, 'thought'),
      };
}

/** `{"tool": {…arguments}}` as text; several tools of one thought stay together. */
function argumentsOf(given: unknown, tool: string): unknown {
  const json = typeof given === 'string' ? parsed(given) : given;
  return member(json, tool) ?? json;
}

/** JSON in text, as Dify stores inputs and outputs of finished runs. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
