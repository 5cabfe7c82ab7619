/** Log records to spans and to content of spans: a pure function, the same live and in a replay. */
import { type LogEvent, readEvents } from '../../src/otlp/logs.ts';
import type { Attributes, NewSpan, SpanGroup } from '../../src/otlp/write.ts';
import { claudeCode } from './claude_code.ts';
import { codexCli } from './codex_cli.ts';
import { type ContentPiece, contentAttributes, contentEvent, detailsName, isContent } from './content.ts';
import { geminiCli, geminiDetails } from './gemini_cli.ts';
import { type Reading, type SpanId, type StepReading, spanIdOf, traceIdOf, turnId, type Unused } from './reading.ts';

/** Content of a span that is not among those made. */
export interface Content extends SpanId, ContentPiece {
  readonly last: boolean;
  /** The sender's resource: the same as that of the span. */
  readonly resource: Uint8Array;
}

/** What became of the records. `other`: no event of an agent. */
export type Result = 'step' | 'content' | 'other' | 'unreadable' | Unused;

export interface AgentEvents {
  readonly groups: readonly SpanGroup[];
  readonly spans: number;
  readonly contents: readonly Content[];
  readonly counts: ReadonlyMap<Result, number>;
}

const claudeScope = 'com.anthropic.claude_code';

/** Claude Code leaves its prefix out of `event.name`. */
function senderOf(
  name: string,
  scope: string,
): readonly [sender: 'claude' | 'gemini' | 'codex' | 'content', kind: string] | undefined {
  if (name.startsWith('claude_code.')) return ['claude', name.slice(12)];
  if (scope.startsWith(claudeScope)) return ['claude', name];
  if (name.startsWith('gemini_cli.')) return ['gemini', name.slice(11)];
  if (name.startsWith('codex.')) return ['codex', name.slice(6)];
  return isContent(name) ? ['content', name] : undefined;
}

function read(event: LogEvent): Reading {
  const [sender, kind] = senderOf(event.name, event.scope) ?? ['content', ''];
  if (sender === 'claude') return claudeCode(kind, event);
  if (sender === 'gemini') return geminiCli(kind, event);
  if (sender === 'codex') return codexCli(kind, event);
  return event.name === detailsName && event.scope === 'gemini-cli' ? geminiDetails(event) : contentEvent(event);
}

/**
 * `body` is an ExportLogsServiceRequest. With `traced` events of coding agents are steps also where their sender says that it traces.
 * Throws `WireError` if the body is not well-formed down to the record.
 */
export function agentEvents(body: Uint8Array, traced = false): AgentEvents {
  const { events, others, unreadable } = readEvents(body, (name, scope) => senderOf(name, scope) !== undefined);
  const counts = new Map<Result, number>();
  const add = (result: Result, n = 1): void => {
    if (n > 0) counts.set(result, (counts.get(result) ?? 0) + n);
  };
  add('other', others);
  add('unreadable', unreadable);
  const steps = new Map<string, { readonly event: LogEvent; readonly step: StepReading; readonly span: NewSpan }>();
  const contents = new Map<string, Content[]>();
  for (const given of events) {
    const event = traced && !isContent(given.name) ? { ...given, traceId: '', spanId: '' } : given;
    const reading = read(event);
    if (typeof reading === 'string') add(reading);
    else if (reading.kind === 'content') {
      add('content');
      const { target, part, json, last } = reading;
      const { resource, timeNs } = event;
      const key = keyOf(target);
      const pieces = contents.get(key) ?? [];
      pieces.push({ ...target, part, json, last, resource, timeNs });
      contents.set(key, pieces);
    } else {
      const span = spanOf(reading, event);
      const key = keyOf(span);
      add(steps.has(key) ? 'repeated' : 'step');
      if (!steps.has(key)) steps.set(key, { event, step: reading, span });
    }
  }
  const groups = new Map<string, { readonly group: SpanGroup; readonly spans: NewSpan[] }>();
  const resources = new Map<Uint8Array, number>();
  for (const [key, { event, step, span }] of steps) {
    const pieces = contents.get(key);
    contents.delete(key);
    const whole = pieces === undefined ? span : { ...span, attributes: { ...contentAttributes(pieces), ...span.attributes } };
    if (!resources.has(event.resource)) resources.set(event.resource, resources.size);
    const place = `${resources.get(event.resource)} ${step.vendor}`;
    const known = groups.get(place);
    if (known !== undefined) known.spans.push(whole);
    else {
      const spans = [whole];
      const scope = { name: `agent_events.${step.vendor}`, version: '1' };
      groups.set(place, { group: { resource: event.resource, scope, spans }, spans });
    }
  }
  return {
    groups: [...groups.values()].map(({ group }) => group),
    spans: steps.size,
    contents: [...contents.values()].flat(),
    counts,
  };
}

export function keyOf({ traceId, spanId }: SpanId): string {
  return traceId + spanId;
}

/** The step ends when its event was written. */
function spanOf(step: StepReading, event: LogEvent): NewSpan {
  const { vendor, session } = step;
  const startNs = event.timeNs - BigInt(Math.round((step.durationMs ?? 0) * 1e6));
  const traced = event.traceId !== '';
  const attributes: Attributes = {
    ...(session === undefined ? {} : { 'gen_ai.conversation.id': session }),
    'misstep.run.format': vendor,
    ...step.attributes,
  };
  return {
    traceId: traced ? event.traceId : traceIdOf(step),
    spanId: spanIdOf(step, step.id),
    parentId: traced ? event.spanId : step.turn === undefined || step.opensTurn ? '' : spanIdOf(step, turnId),
    name: step.name,
    kind: 1,
    startNs: startNs < 0n ? 0n : startNs,
    endNs: event.timeNs,
    attributes,
    events: [],
    links: [],
    ...(step.error === undefined ? {} : { status: { code: 2, message: step.error.slice(0, 8_192) } }),
  };
}

/**
 * Spans of content whose own spans are not there, for a replay of logs alone: a model call of the ids that the events name. Never
 * live: there the span itself has these ids.
 */
export function spansOfContent(contents: readonly Content[]): SpanGroup[] {
  const bySpan = new Map<string, Content[]>();
  for (const one of contents) {
    const pieces = bySpan.get(keyOf(one));
    if (pieces === undefined) bySpan.set(keyOf(one), [one]);
    else pieces.push(one);
  }
  return [...bySpan.values()].map((pieces) => {
    const [first] = pieces as [Content];
    const times = pieces.map((piece) => piece.timeNs).sort((a, b) => (a < b ? -1 : 1));
    const span: NewSpan = {
      traceId: first.traceId,
      spanId: first.spanId,
      parentId: '',
      name: 'chat',
      kind: 1,
      startNs: times[0] as bigint,
      endNs: times.at(-1) as bigint,
      attributes: { 'gen_ai.operation.name': 'chat', ...contentAttributes(pieces) },
      events: [],
      links: [],
    };
    return { resource: first.resource, scope: { name: 'agent_events.gen_ai', version: '1' }, spans: [span] };
  });
}
