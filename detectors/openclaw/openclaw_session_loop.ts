/**
 * openclaw_session_loop: a session that goes round: one tool called with the same arguments again and again, two sessions that send a task back
 * and forth, a turn or message that is said again. Kept are hashes of the last calls and messages; a call in between does not hide a repeat.
 */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { argsHash, maskedResultHash, outputText } from '../../src/text/features.ts';
import { hashText } from '../../src/text/hash.ts';
import { maskVolatile } from '../../src/text/mask.ts';

interface Row extends SpanRef {
  readonly kind: 'call' | 'say' | 'pass';
  readonly what: string;
  readonly hash: string;
  readonly result: string;
  readonly from: string;
  readonly to: string;
}

type State = Row[];

const options = {
  min_repeats: {
    type: 'integer',
    text: 'The same call, or the same message, within the last rows before it is reported.',
    default: 3,
    min: 2,
    max: 50,
    source: 'As for loop: the third identical call brings nothing new.',
  },
  min_passes: {
    type: 'integer',
    text: 'Messages between the same two sessions in turn before they are reported.',
    default: 4,
    min: 2,
    max: 50,
    source: 'Two rounds; a question and its answer are one.',
  },
  window: {
    type: 'integer',
    text: 'Rows in which repeats are looked for.',
    default: 16,
    min: 4,
    max: 64,
    source: 'A loop through four tools with three rounds fits.',
  },
} as const;

const taxonomy = { mast: ['FM-1.3'], trail: ['Resource Abuse'], owasp: ['ASI08'], modes: ['F8'] } as const;
const action = 'End the session or change the request: a loop guard that refuses the third identical call costs nothing.';

const messages = {
  same_call: {
    text: "Tool '{{tool}}' was called {{count}} times with the same arguments in one session.",
    tier: 1,
    severity: 'high',
    impact: 'The session spends turns and gets nowhere.',
    action,
    taxonomy,
  },
  same_words: {
    text: 'The session said the same {{count}} times.',
    tier: 1,
    severity: 'medium',
    impact: 'The user gets the same answer again; the session does not move.',
    action,
    taxonomy,
  },
  ping_pong: {
    text: "Sessions '{{from}}' and '{{to}}' passed a task back and forth {{count}} times.",
    tier: 1,
    severity: 'high',
    impact: 'Nobody works on the task.',
    action: 'Let one session own a task until it is done; refuse a task that comes back unchanged.',
    taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MIN_TEXT = 12;

export default defineDetector({
  meta: {
    id: 'openclaw_session_loop',
    family: 'openclaw',
    scope: 'session',
    version: 1,
    stateVersion: 1,
    needs: ['tool.name'],
    summary: 'Finds OpenClaw sessions that go round in circles.',
    docs: {
      what: 'Tool calls, turns and messages of a session: identical calls whose result does not change, the same words said again, a task that two sessions send each other.',
      why: 'A session has no step limit of its own; a loop ends with the budget.',
      fix: 'Set loop limits for the session, and let a session that gets a task back finish it.',
      limits: 'Polling with the same answer looks like a loop. Greetings to several users in one session repeat by nature.',
      sources: ['https://docs.openclaw.ai'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    if (step.extra['run.format'] !== 'openclaw') return state;
    const row = rowOf(step);
    if (row === undefined) return state;
    const rows = [...(state ?? []), row].slice(-ctx.options.window);
    judge(rows, row, ctx);
    return rows;
  },
});

function rowOf(step: Step): Row | undefined {
  const { traceId, spanId } = step;
  const base = { traceId, spanId, from: (step.agent ?? '').slice(0, 40), to: '' };
  if (step.kind === 'tool' && step.tool !== undefined) {
    const what = step.tool.name.slice(0, 60);
    return {
      ...base,
      kind: 'call',
      what,
      hash: hashText(`${what} ${argsHash(step) ?? ''}`),
      result: maskedResultHash(step) ?? '',
    };
  }
  if (step.kind === 'handoff' && step.extra['event.type'] === 'session.send') {
    // An event that names only its source came in: it is addressed to the session's own agent.
    const from = (step.handoff?.from ?? base.from).slice(0, 40);
    const to = (step.handoff?.to ?? base.from).slice(0, 40);
    return from === to ? undefined : { ...base, kind: 'pass', what: 'pass', hash: '', result: '', from, to };
  }
  const text = outputText(step);
  if (text.length < MIN_TEXT || step.extra['message.direction'] === 'in') return undefined;
  return { ...base, kind: 'say', what: 'say', hash: hashText(maskVolatile(text.toLowerCase(), 2_048)), result: '' };
}

function judge(rows: readonly Row[], row: Row, ctx: Ctx): void {
  if (row.kind === 'pass') {
    passes(rows, row, ctx);
    return;
  }
  const same = rows.filter((one) => one.kind === row.kind && one.hash === row.hash);
  if (same.length < ctx.options.min_repeats) return;
  const [first] = same as [Row];
  const score = Math.min(0.97, 0.8 + 0.05 * (same.length - ctx.options.min_repeats));
  if (row.kind === 'say')
    ctx.report('same_words', {
      at: row,
      key: row.hash,
      evidence: [first, row],
      score: score - 0.1,
      data: { count: same.length },
    });
  // Results that all differ are progress: a poll, a cursor on the server.
  else if (new Set(same.map(({ result }) => result)).size < same.length || row.result === '')
    ctx.report('same_call', {
      at: row,
      key: row.hash,
      evidence: [first, row],
      score,
      data: { tool: row.what, count: same.length },
    });
}

/** Messages between two sessions; what others do in between does not hide them. */
function passes(rows: readonly Row[], row: Row, ctx: Ctx): void {
  const pair = [row.from, row.to].sort().join('|');
  const between = rows.filter((one) => one.kind === 'pass' && [one.from, one.to].sort().join('|') === pair);
  const there = between.filter((one) => one.from === row.from).length;
  const back = between.length - there;
  const [first] = between as [Row];
  // Both ways in turn, or one way again and again: an answer that was no result.
  const again = 2 * there > ctx.options.min_passes;
  if ((between.length < ctx.options.min_passes || back === 0) && !again) return;
  ctx.report('ping_pong', {
    at: row,
    key: pair,
    evidence: [first, row],
    score: Math.min(0.95, 0.75 + 0.05 * (between.length - ctx.options.min_passes)),
    data: { from: row.from, to: row.to, count: between.length },
  });
}
