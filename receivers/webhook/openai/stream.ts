/** Event streams of Responses and Assistants: of each object its last state counts. */
import { isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, list, word } from '../payload.ts';

const states = new Set(['response', 'thread.run', 'thread.run.step']);

/** An event as the wire has it (`{event, data}`) or as the SDK gives it (`{type: "response.…", …}`). */
export function isEvent(value: unknown): boolean {
  if (!isObject(value) || 'span_data' in value || member(value, 'object') !== undefined) return false;
  return 'data' in value || /^response\./.test(word(member(value, 'type')) ?? '');
}

export function streamed(events: readonly unknown[]): readonly Dict[] {
  const last = new Map<string, Dict>();
  /** Items that are done, and the error that ended the stream: a stream that breaks has no last state with them. */
  const done: unknown[] = [];
  let error: Dict | undefined;
  for (const event of events) {
    const data = member(event, 'data') ?? event;
    const type = word(member(data, 'type'));
    if (type === 'response.output_item.done') done.push(member(data, 'item'));
    if (type === 'error' && isObject(data)) error = data;
    const one = member(data, 'response') ?? data;
    const id = word(member(one, 'id'));
    const kind = word(member(one, 'object')) ?? '';
    if (isObject(one) && id !== undefined && states.has(kind)) last.set(`${kind} ${id}`, one);
  }
  // A webhook's event is no stream, but may come in a list.
  if (last.size === 0) return list(events).filter(isObject);
  return [...last.values()].map((one) => (last.size === 1 ? completed(one, done, error) : one));
}

function completed(response: Dict, done: readonly unknown[], error: Dict | undefined): Dict {
  const open = response['status'] === 'in_progress' || response['status'] === 'queued';
  if (!open || response['object'] !== 'response') return response;
  return {
    ...response,
    ...(list(response['output']).length === 0 ? { output: done } : {}),
    ...(error === undefined ? {} : { status: 'failed', error: { code: error['code'], message: error['message'] } }),
  };
}
