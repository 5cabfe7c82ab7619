/**
 * openclaw_tool_abuse: tools used against what they are for: refused or forbidden calls, most calls failing, the same change written again and again,
 * whole tables fetched for one question, one message answered by a dozen calls.
 */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { argsHash } from '../../src/text/features.ts';
import { leafText } from '../../src/text/json.ts';
import { charShingles, jaccard, type Sketch, sketch } from '../../src/text/shingles.ts';

interface Row extends SpanRef {
  readonly tool: string;
  readonly hash: string;
  readonly args: Sketch;
  readonly failed: boolean;
}

interface State {
  rows: Row[];
  /** Calls by tool since the user's last message. */
  since: Record<string, number>;
}

const options = {
  min_calls: {
    type: 'integer',
    text: 'Calls in a session before the share of failures is judged.',
    default: 3,
    min: 2,
    max: 100,
    source: 'One failure of two is chance.',
  },
  failure_share: {
    type: 'number',
    text: 'Share of failing calls from which a session is reported.',
    default: 0.5,
    min: 0,
    max: 1,
    source: 'Labelled healthy sessions have at most one failing call of three.',
  },
  max_per_message: {
    type: 'integer',
    text: 'Calls of one tool for one message of the user from which they are reported.',
    default: 5,
    min: 2,
    max: 100,
    source: 'Labelled healthy sessions use one tool up to four times for a message.',
  },
  min_similar: {
    type: 'integer',
    text: 'Calls of one tool with nearly the same arguments before they are reported.',
    default: 3,
    min: 2,
    max: 100,
    source: 'As for loop.',
  },
} as const;

const taxonomy = {
  mast: ['FM-1.3'],
  trail: ['Resource Abuse', 'Tool Selection Errors'],
  owasp: ['ASI02'],
  modes: ['F14'],
} as const;

const messages = {
  forbidden: {
    text: "Tool '{{tool}}' was called for what it does not allow.",
    tier: 1,
    severity: 'high',
    impact: 'The agent tries what it may not; injected text is a common cause.',
    action: 'Take the tool out of the session or narrow what it takes.',
    taxonomy,
  },
  failing: {
    text: 'Of {{count}} tool calls of the session {{failed}} failed.',
    tier: 1,
    severity: 'medium',
    impact: 'Turns are spent without results.',
    action: 'Stop after the second failure and say so; check whether the tool fits the task.',
    taxonomy,
  },
  again: {
    text: "Tool '{{tool}}' was called {{count}} times with nearly the same arguments.",
    tier: 1,
    severity: 'medium',
    impact: 'The same work is done, or the same change made, several times.',
    action: 'Keep what was done in the session, and batch calls.',
    taxonomy,
  },
  many: {
    text: "Tool '{{tool}}' was called {{count}} times for one message.",
    tier: 1,
    severity: 'medium',
    impact: 'The user waits, and every call is paid.',
    action: 'Ask once for all that is needed, and answer from what came.',
    taxonomy,
  },
  excessive: {
    text: "Tool '{{tool}}' asks for everything ({{what}}).",
    tier: 1,
    severity: 'medium',
    impact: 'More data than the question needs enters the session.',
    action: 'Limit rows and columns in the tool.',
    taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_ROWS = 24;
const refusals = [
  'unauthorized',
  'not authorized',
  'forbidden',
  'not in allowed list',
  'permission denied',
  'access denied',
  'policy violation',
  'rate limit',
  'not permitted',
  'insufficient permission',
  'quota',
];
const everything =
  /select\s+\*\s+from\s+\w+\s*(?:;|$|limit\s+\d{4,})|where\s+1\s*=\s*1|"?limit"?\D{0,4}\d{4,}|drop\s+table|delete\s+from\s+\w+\s*(?:;|$)/i;
/** Half of the character trigrams: another value of one field. */
const NEAR = 0.6;

export default defineDetector({
  meta: {
    id: 'openclaw_tool_abuse',
    family: 'openclaw',
    scope: 'session',
    version: 1,
    stateVersion: 1,
    needs: ['tool.name'],
    summary: 'Finds OpenClaw sessions that misuse their tools.',
    docs: {
      what: "Tool calls of a session: refusals, the share of failures, calls of one tool that differ little, queries for everything, and tools outside the session's list.",
      why: 'Tools cost money and have effects; a session that hammers them is out of control.',
      fix: 'Limits per tool and session, refusals that say what to do instead, and a stop after repeated failures.',
      limits: "Legitimate batches of like calls look like repetition. Errors told only in words of a tool's own are not seen.",
      sources: ['https://docs.openclaw.ai'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (state !== undefined && step.extra['message.direction'] === 'in') return { ...state, since: {} };
    if (step.kind !== 'tool' || step.tool === undefined || step.rollup) return state;
    if (step.extra['run.format'] !== 'openclaw') return state;
    const next = state ?? { rows: [], since: {} };
    const args = leafText(step.tool.arguments ?? '');
    const { traceId, spanId } = step;
    const row: Row = {
      traceId,
      spanId,
      tool: step.tool.name.slice(0, 60),
      hash: argsHash(step) ?? '',
      args: sketch(charShingles(args.slice(0, 400)), 32),
      failed:
        step.outcome === 'error' || step.outcome === 'handled_error' || step.outcome === 'timeout' || step.outcome === 'blocked',
    };
    next.rows = [...next.rows, row].slice(-MAX_ROWS);
    const count = (next.since[row.tool] ?? 0) + 1;
    if (Object.keys(next.since).length < MAX_ROWS) next.since[row.tool] = count;
    if (count >= ctx.options.max_per_message)
      ctx.report('many', {
        at: row,
        key: row.tool,
        score: Math.min(0.9, 0.7 + 0.05 * (count - ctx.options.max_per_message)),
        data: { tool: row.tool, count },
      });
    judge(next.rows, row, step, args, ctx);
    return next;
  },
});

function judge(rows: readonly Row[], row: Row, step: Step, args: string, ctx: Ctx): void {
  const said = `${step.error?.message ?? ''} ${(step.tool?.result ?? '').slice(0, 400)}`.toLowerCase();
  const allowed = step.extra['tools.allowed'];
  const denied = step.extra['tools.denied'];
  const outside =
    (Array.isArray(allowed) && allowed.length > 0 && !allowed.includes(step.tool?.name)) ||
    (Array.isArray(denied) && denied.includes(step.tool?.name));
  if (outside || (row.failed && refusals.some((word) => said.includes(word))))
    ctx.report('forbidden', { at: row, key: row.spanId, score: 0.85, data: { tool: row.tool } });
  const failed = rows.filter((one) => one.failed);
  if (rows.length >= ctx.options.min_calls && failed.length / rows.length > ctx.options.failure_share)
    ctx.report('failing', {
      at: row,
      key: 'failing',
      evidence: failed.slice(0, 8),
      score: Math.min(0.95, 0.7 + 0.05 * failed.length),
      data: { failed: failed.length, count: rows.length },
    });
  const like = rows.filter((one) => one.tool === row.tool && (one.hash === row.hash || jaccard(one.args, row.args, 32) >= NEAR));
  if (like.length >= ctx.options.min_similar)
    ctx.report('again', {
      at: row,
      key: row.tool,
      evidence: like.slice(0, 8),
      score: Math.min(0.95, 0.7 + 0.05 * (like.length - ctx.options.min_similar)),
      data: { tool: row.tool, count: like.length },
    });
  const match = everything.exec(args);
  if (match)
    ctx.report('excessive', {
      at: row,
      key: row.spanId,
      score: 0.65,
      data: { tool: row.tool, what: match[0].trim().slice(0, 40) },
    });
}
