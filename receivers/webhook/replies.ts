/** What senders are answered: the members that clients of the reference expect, and `hints` of ours. */
import { member } from '../../src/dialects/json.ts';
import { detect } from './conversation/shapes.ts';
import { list, word } from './payload.ts';
import type { TraceDocument } from './run.ts';

/** What became of a payload. */
export interface Made {
  /** Each once, in order. */
  readonly traceIds: readonly string[];
  readonly sessionIds: readonly string[];
  /** Spans but for the root of each run. */
  readonly states: number;
  /** What this payload cannot show, and what turns it on. */
  readonly hints: readonly string[];
}

export interface Said {
  readonly status: number;
  readonly body: object;
}

export type Answerer = (payload: unknown, made: Made) => Said;

const CUT = 'Parts of the payload were left out for their size or shape; misstep.truncated on the spans says which.';

/** In one answer. */
const MAX_IDS = 100;

export function states(more: object = {}): Answerer {
  return (_payload, { traceIds, states: made, hints }) => ({
    status: 200,
    body: {
      success: true,
      trace_id: traceIds[0] ?? null,
      ...(traceIds.length > 1 ? { trace_ids: traceIds.slice(0, MAX_IDS) } : {}),
      states_created: made,
      message: `${plural(made, 'state')} in ${plural(traceIds.length, 'trace')}.`,
      ...more,
      hints,
    },
  });
}

export const claudeCodeTraces: Answerer = (payload, { sessionIds, traceIds, hints }) => {
  const received = Array.isArray(payload) ? payload.length : list(member(payload, 'traces')).length;
  return {
    status: 200,
    body: {
      success: true,
      traces_received: received,
      traces_stored: received,
      session_ids: sessionIds.slice(0, MAX_IDS),
      trace_ids: traceIds.slice(0, MAX_IDS),
      hints,
    },
  };
};

/** What it was taken for, and how surely. */
export const created: Answerer = (payload, made) => {
  const { format, confidence } = detect(payload);
  const { body } = states()(payload, made);
  const [conversation_id = null] = made.traceIds;
  return { status: 201, body: { ...body, conversation_id, format_detected: format ?? null, format_confidence: confidence } };
};

/** Where a body would be taken for a decision, or is not read. */
export const empty: Answerer = () => ({ status: 200, body: {} });

export function ingested(spans: number, traceIds: readonly string[]): Said {
  return { status: 202, body: { accepted: spans, rejected: 0, trace_ids: traceIds.slice(0, MAX_IDS) } };
}

/** `hints` come from outside of the adapter's bounds, so they are bounded here. */
export function madeOf(documents: readonly TraceDocument[], hints: readonly string[]): Made {
  const traceIds = new Set<string>();
  const sessionIds = new Set<string>();
  let states = 0;
  let cut = false;
  for (const span of documents.flatMap(spansOf)) {
    traceIds.add(word(member(span, 'traceId')) ?? '');
    if (word(member(span, 'parentSpanId')) !== undefined) states++;
    for (const attribute of list(member(span, 'attributes'))) {
      const key = member(attribute, 'key');
      if (key === 'misstep.truncated') cut = true;
      if (key !== 'gen_ai.conversation.id') continue;
      const session = word(member(member(attribute, 'value'), 'stringValue'));
      if (session !== undefined) sessionIds.add(session);
    }
  }
  return {
    traceIds: [...traceIds],
    sessionIds: [...sessionIds],
    states,
    hints: [...hints.slice(0, 20).map((hint) => hint.slice(0, 1000)), ...(cut ? [CUT] : [])],
  };
}

function spansOf({ resourceSpans }: TraceDocument): readonly unknown[] {
  return resourceSpans.flatMap((resource) =>
    list(member(resource, 'scopeSpans')).flatMap((scope) => list(member(scope, 'spans'))),
  );
}

function plural(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`;
}
