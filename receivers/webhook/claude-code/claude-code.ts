/**
 * Claude Code and the Claude Agent SDK: transcripts, message streams, recordings of the control protocol and hook inputs; Cursor's
 * hooks too. A session is a trace. What hooks tell of a call and what the transcript tells of it have the same span id.
 */
import { member } from '../../../src/dialects/json.ts';
import { type Dict, time, word } from '../payload.ts';
import { Run, type TraceDocument } from '../run.ts';
import { Agents, describe, mainAgent } from './agents.ts';
import { branches } from './branches.ts';
import { conversation } from './conversation.ts';
import { hook, isHook } from './hooks.ts';
import { format, read, type Session, timeOf } from './records.ts';
import { Tools } from './tools.ts';

/** `receivedMs`: Unix ms of the arrival; hook inputs name no time. Without it their order is all that is known. */
export function claudeCode(payload: unknown, receivedMs?: number): TraceDocument[] {
  const { sessions, unread, left } = read(payload);
  return sessions.flatMap((session, i) => {
    if (session.records.every(isHook)) return hooks(session, receivedMs);
    const parts = branches(session.records);
    const counts = i === 0 ? { unread, left } : { unread: 0, left: 0 };
    return [
      conversation(session.id, parts.current, counts),
      ...[...parts.left].map(([prompt, records]) => conversation(session.id, records, { unread: 0, left: 0 }, prompt)),
    ];
  });
}

/** The root is told by the end of the session, a started agent by its own end; before that steps stand below spans that are to come. */
function hooks({ id, records }: Session, receivedMs: number | undefined): TraceDocument[] {
  const run = new Run(format, id, { name: `invoke_agent ${mainAgent}`, startMs: undefined });
  const tools = new Tools(run, id);
  const stopped = new Set(
    records.filter((one) => member(one, 'hook_event_name') === 'SubagentStop').map((one) => one['agent_id']),
  );
  const agents = new Agents(run, id, tools, records, (agent) => stopped.has(agent));
  describe(run.root, mainAgent, id);
  let ended: Dict | undefined;
  for (const record of records) {
    const at = time(timeOf(record)) ?? receivedMs;
    if (hook(run, id, record, tools, at, agents.of(record, at))) {
      ended = record;
      run.root.facts = { ...run.root.facts, startMs: run.root.facts.startMs ?? at, endMs: at };
    }
  }
  if (ended === undefined) run.withoutRoot();
  else run.root.text('misstep.run.status', word(member(ended, 'reason')));
  return ended === undefined && run.size === 0 ? [] : [run.document(clientOf(records))];
}

function clientOf(records: readonly Dict[]): string {
  return word(member(records[0], 'client')) === 'cursor' ? 'cursor' : mainAgent;
}

/** What this payload cannot show, and what turns it on. */
export function hints(payload: unknown): string[] {
  const records = read(payload).sessions.flatMap((session) => session.records);
  const said: string[] = [];
  const calls = records.filter((one) => member(one, 'hook_event_name') === 'PostToolUse');
  if (calls.length > 0 && calls.every((one) => member(one, 'tool_response') === undefined))
    said.push(
      'The calls have no tool_response, so what tools answered cannot be judged. Send PostToolUse as Claude Code writes it.',
    );
  if (
    records.length > 1 &&
    records.every(isHook) &&
    calls.length === 0 &&
    records.some((one) => member(one, 'hook_event_name') === 'PreToolUse')
  )
    said.push(
      'Only PreToolUse came: a call is told when it has ended. Add PostToolUse, PostToolUseFailure and PermissionDenied to the hooks.',
    );
  if (records.length > 0 && records.every(isHook))
    said.push(
      'Hooks tell no tokens, costs or requests to the model. CLAUDE_CODE_ENABLE_TELEMETRY=1 with OTEL_LOGS_EXPORTER=otlp does, or the transcript.',
    );
  return said;
}
