/** The four shapes of an execution's data: final items, IRun, IRunExecutionData, and the flatted form that databases hold. */
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import { firstWord, identifier, list, members, number } from '../payload.ts';

/** Runs of nodes read; the adapter's spans are bounded again. */
const maxRuns = 50_000;

export interface NodeRun {
  readonly node: string;
  /** Which run of the node. */
  readonly nth: number;
  readonly task: unknown;
}

export interface Execution {
  /** In the order of execution. */
  readonly runs: readonly NodeRun[];
  readonly tasks: ReadonlyMap<string, readonly unknown[]>;
  readonly error: unknown;
  /** Final items, where the body holds no more than these. */
  readonly items: unknown;
  readonly session: string | undefined;
  /** The execution that called this one as a sub-workflow. */
  readonly parent: string | undefined;
  /** True if the workflow's policy took the content out. */
  readonly redacted: boolean;
  readonly total: unknown;
  readonly notes: readonly string[];
}

export function readData(given: unknown): Execution {
  const data = parsed(given);
  const whole = isFlatted(data) ? unflatten(data) : data;
  const inner = isObject(member(whole, 'data')) ? member(whole, 'data') : whole;
  const result = member(inner, 'resultData') ?? (isObject(member(inner, 'runData')) ? inner : undefined);
  const notes: string[] = [];
  const redacted = isObject(member(inner, 'redactionInfo'));
  if (redacted) notes.push('data: redacted by the workflow');
  const tasks = new Map<string, readonly unknown[]>();
  const runs: NodeRun[] = [];
  for (const [node, of] of members(member(result, 'runData'))) {
    tasks.set(node, list(of));
    list(of).forEach((task, nth) => {
      if (!isObject(task)) notes.push(`runData.${node.slice(0, 100)}[${nth}]: not an object`);
      else if (runs.length < maxRuns) runs.push({ node, nth, task });
    });
  }
  runs.sort((a, b) => orderOf(a) - orderOf(b));
  const error = member(result, 'error') ?? member(inner, 'error');
  const last = member(result, 'lastNodeExecuted');
  return {
    runs,
    tasks,
    error,
    items: result === undefined && Array.isArray(data) ? data : undefined,
    session: sessionOf(runs),
    parent: identifier(member(member(inner, 'parentExecution'), 'executionId')),
    redacted,
    total: runs.length === 0 ? undefined : { steps: runs.length, last_node: last },
    notes,
  };
}

function orderOf({ task }: NodeRun): number {
  return number(member(task, 'executionIndex')) ?? number(member(task, 'startTime')) ?? 0;
}

/** A chat trigger's items carry the session of the conversation. */
function sessionOf(runs: readonly NodeRun[]): string | undefined {
  for (const { task } of runs.slice(0, 5)) {
    const item = list(list(list(member(member(task, 'data'), 'main'))[0]))[0];
    const session = identifier(firstMember(member(item, 'json'), ['sessionId', 'session_id']));
    if (session !== undefined) return session;
  }
  return undefined;
}

/** JSON in text; `undefined` if it is none. */
export function parsed(given: unknown): unknown {
  if (typeof given !== 'string') return given;
  try {
    return JSON.parse(given) as unknown;
  } catch {
    return undefined;
  }
}

/** flatted: a list whose first entry is the root and in which every string member is the place of its value. */
export function isFlatted(data: unknown): data is readonly unknown[] {
  const root = list(data)[0];
  return isObject(root) && firstWord(root, ['resultData', 'startData', 'executionData']) !== undefined;
}

/** Values are shared, not copied, so that no payload can unfold into more than it holds; what is written later is bounded. */
function unflatten(flat: readonly unknown[]): unknown {
  const built = flat.map((value) => (Array.isArray(value) ? [] : isObject(value) ? {} : value));
  const at = (reference: unknown): unknown =>
    typeof reference === 'string' && /^\d{1,9}$/.test(reference) ? built[Number(reference)] : reference;
  flat.forEach((value, place) => {
    const target = built[place];
    if (Array.isArray(value)) for (const one of value) (target as unknown[]).push(at(one));
    else if (isObject(value)) for (const [key, one] of members(value)) (target as Record<string, unknown>)[key] = at(one);
  });
  return built[0];
}
