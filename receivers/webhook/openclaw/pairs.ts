/** Which result answers which tool call: by call id, else the oldest open call of that tool, else, unnamed, the oldest open one. */
import { firstMember, isObject, member } from '../../../src/dialects/json.ts';
import { identifier, word } from '../payload.ts';

export interface Entry {
  readonly event: unknown;
  /** Place of the event in the body. */
  readonly place: number;
  result: unknown;
}

interface Open {
  readonly entry: Entry;
  readonly tool: string | undefined;
  readonly call: string | undefined;
}

/** A call waits for its result at most this many calls: real sessions run a few side by side. */
const maxOpen = 100;

/** Events in order, results folded into their calls; a result without a call stands alone. */
export function callsWithResults(events: readonly unknown[], onWrong: (place: number) => void): readonly Entry[] {
  const entries: Entry[] = [];
  const open: Open[] = [];
  events.forEach((event, place) => {
    if (!isObject(event)) {
      onWrong(place);
      return;
    }
    const type = member(event, 'type');
    const tool = word(member(event, 'tool_name'));
    const call = identifier(firstMember(event, ['call_id', 'tool_call_id', 'toolCallId']));
    if (type === 'tool.result' || type === 'tool_result') {
      const at = open.findIndex((one) =>
        call !== undefined && one.call !== undefined ? one.call === call : tool === undefined || one.tool === tool,
      );
      if (at >= 0) {
        open.splice(at, 1)[0]!.entry.result = event;
        return;
      }
    }
    const entry: Entry = { event, place, result: undefined };
    entries.push(entry);
    const answered = firstMember(event, ['tool_result', 'output', 'result']) !== undefined;
    if ((type === 'tool.call' || type === 'tool_call') && !answered) {
      open.push({ entry, tool, call });
      if (open.length > maxOpen) open.shift();
    }
  });
  return entries;
}
