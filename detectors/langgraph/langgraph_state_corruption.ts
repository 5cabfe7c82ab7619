/**
 * langgraph_state_corruption: the state of a graph is damaged between two supersteps: another type, values or messages lost, a field that went, a
 * snapshot that does not hold what a node wrote. The states come from the run's history where it has one, else from the steps.
 */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import { type Change, compareStates } from '../../src/schema/changes.ts';
import { isRecord, jsonEqual } from '../../src/schema/value.ts';
import type { Step } from '../../src/step/step.ts';

interface Write extends SpanRef {
  readonly superstep: number;
  /** Scalars that the node wrote, by key. */
  readonly values: Readonly<Record<string, string | number | boolean | null>>;
}

type State = Write[];

const options = {
  min_score: {
    type: 'number',
    text: 'Changes whose form is less suspicious than this are not reported.',
    default: 0.69,
    min: 0,
    max: 1,
    source: 'Below it are fields that vanish, which a graph with a private state does on purpose.',
  },
} as const;

const taxonomy = { mast: ['FM-2.4'], trail: ['Incorrect Memory Usage'], owasp: ['ASI06'], modes: ['F3'] } as const;

const messages = {
  damaged: {
    text: "Channel '{{path}}' of the graph's state was damaged ({{damage}}) after superstep {{superstep}}: it was {{before}} and is {{after}}.",
    tier: 2,
    severity: 'high',
    impact: 'Every node after it works on a wrong state.',
    action: 'Give the channel a reducer, return updates instead of the whole state, and validate it with the schema.',
    taxonomy,
  },
  update_lost: {
    text: "What a node wrote to channel '{{path}}' in superstep {{superstep}} is not in the state after it.",
    tier: 2,
    severity: 'high',
    impact: 'The work of the node is lost.',
    action: 'Check the reducer of the channel and parallel writes to it.',
    taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_WRITES = 64;

export default defineDetector({
  meta: {
    id: 'langgraph_state_corruption',
    family: 'langgraph',
    scope: 'trace',
    version: 1,
    stateVersion: 1,
    needs: ['state'],
    summary: 'Finds damage to the state of a graph between supersteps.',
    docs: {
      what: 'Neighbouring snapshots of the state, channel by channel, by the form of the change; what nodes wrote against the snapshot after them; errors that speak of the state.',
      why: 'A node that returns the whole state, or a missing reducer, overwrites what others wrote.',
      fix: 'Reducers for lists, updates instead of states, validation of the state.',
      limits: 'A reset on purpose looks like damage. Snapshots that a sender thinned out look like losses.',
      sources: ['https://docs.langchain.com/oss/python/langgraph/graph-api'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.kind === 'workflow') {
      const history = step.extra['state.history'];
      if (Array.isArray(history)) compareAll(history, state ?? [], step, ctx);
      return state;
    }
    const superstep = step.extra['superstep'];
    const delta = step.extra['state.delta'];
    if (typeof superstep !== 'number' || !isRecord(delta)) return state;
    const values: Record<string, string | number | boolean | null> = {};
    for (const [key, value] of Object.entries(delta).slice(0, 16))
      if (typeof value === 'number' || typeof value === 'boolean' || (typeof value === 'string' && value.length <= 80))
        values[key] = value;
    if (
      /state|schema|validation|type.?error|corrupt|invalid/i.test(step.error?.message ?? '') &&
      /state|channel|reducer|schema/i.test(step.error?.message ?? '')
    )
      ctx.report('damaged', {
        at: step,
        key: step.spanId,
        score: 0.7,
        data: { path: 'state', damage: 'an error says so', superstep, before: 'valid', after: 'refused' },
      });
    return [...(state ?? []), { traceId: step.traceId, spanId: step.spanId, superstep, values }].slice(-MAX_WRITES);
  },
});

function compareAll(history: readonly unknown[], writes: State, step: Step, ctx: Ctx): void {
  let before: { readonly superstep: number; readonly state: unknown } | undefined;
  for (const one of history.slice(0, 256)) {
    if (!isRecord(one)) continue;
    const superstep = typeof one['superstep'] === 'number' ? one['superstep'] : (before?.superstep ?? -1) + 1;
    const { state } = one;
    const at = writes.find((write) => write.superstep === superstep) ?? { traceId: step.traceId, spanId: step.spanId };
    if (before !== undefined) {
      const changes = [...compareStates(before.state, state), ...messagesLost(before.state, state)];
      const [worst] = changes.sort((a, b) => b.score - a.score);
      if (worst !== undefined && worst.score >= ctx.options.min_score) {
        const { path, damage, before: was, after } = worst;
        ctx.report('damaged', {
          at,
          key: `${path}:${damage}`,
          score: Math.min(0.97, worst.score + 0.03 * (changes.length - 1)),
          data: { path, damage, superstep, before: was, after, changes: changes.length },
        });
      }
    }
    if (before !== undefined) lostWrites(writes, before, { superstep, state }, ctx);
    before = { superstep, state };
  }
}

/** A list that no longer begins with what it held: messages are added, not exchanged. */
function messagesLost(before: unknown, after: unknown): Change[] {
  if (!isRecord(before) || !isRecord(after)) return [];
  return Object.entries(before).flatMap(([path, value]) => {
    const now = after[path];
    if (!Array.isArray(value) || !Array.isArray(now) || value.length === 0 || now.length === 0) return [];
    if (!/message|history|log|conversation/i.test(path)) return [];
    if (value.length < 2) return [];
    const kept = value.slice(0, 64).every((item) => now.slice(0, 128).some((one) => jsonEqual(one, item)));
    return kept
      ? []
      : [{ damage: 'shrunk' as const, path, before: `${value.length} items`, after: `${now.length} others`, score: 0.75 }];
  });
}

interface Snapshot {
  readonly superstep: number;
  readonly state: unknown;
}

/** A write must stand in the snapshot of its superstep or in the next one: senders count differently. */
function lostWrites(writes: State, { superstep, state }: Snapshot, { state: later }: Snapshot, ctx: Ctx): void {
  if (!isRecord(state) || !isRecord(later)) return;
  for (const write of writes) {
    if (write.superstep !== superstep) continue;
    for (const [path, value] of Object.entries(write.values)) {
      if (!Object.hasOwn(state, path) || state[path] === value || later[path] === value) continue;
      if (!Object.hasOwn(later, path) || later[path] !== state[path]) continue;
      // Two nodes of one superstep may both write; the other's value is no loss of its own.
      if (writes.some((other) => other !== write && other.superstep === superstep && other.values[path] === state[path]))
        continue;
      if (typeof state[path] === 'object') continue;
      ctx.report('update_lost', { at: write, key: `${superstep}:${path}`, score: 0.65, data: { path, superstep } });
    }
  }
}
