// Sessions of two traces each, some of which loop over both: what is found depends on who sees all of a session.
import type { FlatSpan } from './kit.ts';

export interface Session {
  readonly id: string;
  readonly failing: boolean;
  readonly traceIds: readonly string[];
  /** One request a trace. */
  readonly requests: readonly object[];
}

const TRACES = 2;
const CALLS = 2;

/** Every fourth session calls one tool with the same arguments for the same result, twice in each trace: a loop of four that no trace has whole. */
export function sessions(count: number, endMs: number, traceState = ''): Session[] {
  return Array.from({ length: count }, (_, n) => {
    const id = `session-${n}`;
    const failing = n % 4 === 0;
    const traceIds = Array.from(
      { length: TRACES },
      (_, t) => `${(n + 1).toString(16).padStart(8, '0')}${String(t + 1).padStart(24, '0')}`,
    );
    return {
      id,
      failing,
      traceIds,
      requests: traceIds.map((traceId, t) => trace(id, failing, traceId, t, n, endMs, traceState)),
    };
  });
}

function trace(
  session: string,
  failing: boolean,
  traceId: string,
  t: number,
  n: number,
  endMs: number,
  traceState: string,
): object {
  const startMs = endMs - (TRACES - t) * 1_000;
  const root = spanId(n, t, 0);
  const span = (i: number, name: string, attributes: Readonly<Record<string, string>>) => ({
    traceId,
    spanId: spanId(n, t, i),
    parentSpanId: i === 0 ? '' : root,
    traceState,
    name,
    startTimeUnixNano: `${startMs + i * 10}000000`,
    endTimeUnixNano: `${startMs + (i === 0 ? 500 : i * 10 + 5)}000000`,
    attributes: Object.entries({ 'gen_ai.conversation.id': session, 'gen_ai.agent.name': 'clerk', ...attributes }).map(
      ([key, stringValue]) => ({ key, value: { stringValue } }),
    ),
  });
  const calls = Array.from({ length: CALLS }, (_, i) =>
    span(i + 1, 'execute_tool find_order', {
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'find_order',
      'gen_ai.tool.call.arguments': JSON.stringify({ order: failing ? 7 : `${n}-${t}-${i}` }),
      'gen_ai.tool.call.result': failing ? 'no such order' : `order ${n}-${t}-${i} was sent on day ${n + i}`,
    }),
  );
  const spans = [span(0, 'invoke_agent clerk', { 'gen_ai.operation.name': 'invoke_agent' }), ...calls];
  return { resourceSpans: [{ resource: { attributes: [] }, scopeSpans: [{ scope: { name: 'shop' }, spans }] }] };
}

function spanId(n: number, t: number, i: number): string {
  return `${(n + 1).toString(16).padStart(8, '0')}${(t * 16 + i + 1).toString(16).padStart(8, '0')}`;
}

/** Several requests as one. */
export function together(requests: readonly object[]): object {
  return { resourceSpans: requests.flatMap((one) => (one as { readonly resourceSpans: readonly object[] }).resourceSpans) };
}

/** `<session> <detector>` of everything found, written on a span or carried, sorted. */
export function foundIn(spans: readonly FlatSpan[], all: readonly Session[]): string[] {
  const sessionOf = new Map(all.flatMap(({ id, traceIds }) => traceIds.map((traceId) => [traceId, id])));
  const found = new Set<string>();
  for (const { traceId, events } of spans) {
    for (const { name, attributes } of events) {
      if (name === 'gen_ai.evaluation.result') found.add(`${sessionOf.get(traceId)} ${attributes['gen_ai.evaluation.name']}`);
    }
  }
  return [...found].sort();
}
