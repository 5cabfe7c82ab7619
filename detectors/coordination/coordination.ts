/**
 * coordination: agents that do not get together: messages to nobody, requests that stay unanswered, agents that wait for each other, tasks that go
 * in a circle, work that is sent back and forth unchanged. Only messages that a tool sends between agents are judged; who is silent by design is not.
 */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { hashText } from '../../src/text/hash.ts';
import { maskVolatile } from '../../src/text/mask.ts';
import { foldLedger, type Ledger, replyOf } from './coordination-ledger.ts';
import { rosterOf, type Sent, sentBy, waitsFor } from './coordination-messages.ts';
import { followQuestion, type Questions } from './coordination-questions.ts';

interface Row extends SpanRef {
  readonly from: string;
  readonly to: string;
  /** Hash of the content without numbers and volatile tokens. */
  readonly content: string;
  readonly waits: boolean;
  readonly passes: boolean;
  readonly failed: boolean;
  readonly missed: boolean;
}

/** An agent that said last that it waits for another. */
interface Waiting extends SpanRef {
  readonly from: string;
  readonly to: string;
}

interface State {
  rows: Row[];
  roster: string[];
  /** Absent until an agent says so. */
  waits?: Waiting[];
  ledger: Ledger | null;
  questions: Questions | null;
}

const options = {
  min_requests: {
    type: 'integer',
    text: 'Requests to one agent without an answer before it is reported, if the tool says that none was received.',
    default: 2,
    min: 1,
    max: 50,
    source: 'A second request shows that the sender still needs the answer.',
  },
  min_rounds: {
    type: 'integer',
    text: 'Rounds of the same exchange between two agents before it is reported.',
    default: 3,
    min: 2,
    max: 50,
    source: 'As for loops of calls: the third round brings what the second did.',
  },
  max_burst: {
    type: 'integer',
    text: 'Messages in a row to one agent, without any by it, before it is reported.',
    default: 8,
    min: 3,
    max: 1_000,
    source: 'Status reports of the labelled runs come in threes; floods in tens.',
  },
} as const;

const taxonomy = { mast: ['FM-2.2'], trail: ['Task Orchestration'], owasp: ['ASI07', 'ASI08'], modes: ['F11'] } as const;
const action = 'Give each request a deadline and an owner, let the orchestrator see who waits for whom, and end circles there.';

const messages = {
  unanswered: {
    text: "Agent '{{to}}' did not answer {{count}} messages of '{{from}}'.",
    tier: 1,
    severity: 'high',
    impact: 'The sender waits or goes on without what it needs.',
    action,
    taxonomy: { ...taxonomy, mast: ['FM-2.5'] },
  },
  unknown_recipient: {
    text: "Agent '{{from}}' wrote to '{{to}}', which is not in the team.",
    tier: 1,
    severity: 'high',
    impact: 'The message reaches nobody.',
    action: 'Let the tool refuse names outside the team and answer with the list of its members.',
    taxonomy,
  },
  deadlock: {
    text: "Agents '{{from}}' and '{{to}}' wait for each other.",
    tier: 1,
    severity: 'critical',
    impact: 'Neither goes on; the run ends by its limit.',
    action,
    taxonomy,
  },
  circle: {
    text: "A task was passed in a circle of {{count}} agents and came back to '{{to}}'.",
    tier: 1,
    severity: 'high',
    impact: 'Nobody works on it.',
    action,
    taxonomy,
  },
  back_and_forth: {
    text: "Agents '{{from}}' and '{{to}}' exchanged the same messages {{count}} times.",
    tier: 1,
    severity: 'high',
    impact: 'Each round costs two turns and changes nothing.',
    action,
    taxonomy: { ...taxonomy, mast: ['FM-1.3'] },
  },
  flood: {
    text: "Agent '{{from}}' sent '{{to}}' {{count}} messages in a row.",
    tier: 1,
    severity: 'medium',
    impact: 'The receiver cannot tell what matters.',
    action: 'Collect updates and send them once.',
    taxonomy,
  },
  broken_handover: {
    text: "Agent '{{from}}' handed '{{to}}' a failure instead of a result, and nothing mended it.",
    tier: 3,
    severity: 'medium',
    impact: 'Everything after it works without the missing part.',
    action: 'Stop the chain at the first failure, or send back what is missing to whoever can bring it.',
    taxonomy,
  },
  conflict: {
    text: "Agent '{{from}}' reports conflicting instructions to '{{to}}'.",
    tier: 3,
    severity: 'medium',
    impact: 'Two parts of the team work against each other.',
    action: 'Let one agent own each decision.',
    taxonomy,
  },
  unheard: {
    text: "Agent '{{to}}' asked for what it needs, and '{{from}}' answered as it had answered before.",
    tier: 1,
    severity: 'medium',
    impact: 'The question stays open and the exchange goes on.',
    action:
      'Let a question reach whoever can answer it, or end the run with the question as its result; an automatic reply must not answer it.',
    taxonomy: { mast: ['FM-2.5'], trail: ['Task Orchestration'], owasp: ['ASI07'], modes: ['F11'] },
  },
  stalled: {
    text: "The reply of agent '{{agent}}' did not bring what was asked for, after its planner had reported that no progress is made.",
    tier: 2,
    severity: 'low',
    impact: 'The run spends turns on a way that its own planner holds for stuck.',
    action:
      'Count the reports without progress: after two or three of them change the plan or the agent, or end the run with what is known.',
    taxonomy: { mast: ['FM-1.5'], trail: ['Resource Abuse'], owasp: ['ASI08'], modes: ['F11'] },
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_ROWS = 48;
const MAX_WAITS = 16;
const waiting = ['waiting for', 'waiting on', 'blocked on', 'blocked by', 'once you have', 'after you send'];
const passing = [
  'delegat',
  'pass this',
  'forward',
  'handled by',
  'escalat',
  'transfer',
  'please clarify',
  'need policy',
  'what is our',
  "what's our",
  'clarification',
];
const failing = [
  'missing required',
  'failed',
  'cannot proceed',
  'cannot process',
  'cannot extract',
  'not found',
  'incomplete',
  'data l',
  'error:',
  'timeout',
  'null',
  'prevented',
  'without lock',
  'proceeding without',
];
const mending = ['retry successful', 'resolved', 'fixed', 'corrected', 'recovered', 'complete'];
const conflicting = ['conflicting', 'contradict'];

export default defineDetector({
  meta: {
    id: 'coordination',
    family: 'coordination',
    scope: 'session',
    version: 1,
    stateVersion: 2,
    needs: ['agent.name', 'tool.arguments'],
    summary: 'Finds agents that wait for each other, pass tasks in circles, or write to nobody.',
    docs: {
      what: 'Messages that agents send each other by a tool: who wrote to whom, whether it was received and answered, who says that it waits for whom (in its own words too), and how often an exchange repeats. Among messages of agents, a question for missing information that is answered as the one before. Where a planner keeps a progress ledger, the replies after it has reported that no progress is made.',
      why: 'Teams of agents fail between the agents: each does its part and the whole stands still.',
      fix: 'Deadlines for requests, one owner for each decision, and an orchestrator that sees the graph of waiting.',
      limits:
        'Frameworks that hand over without a message are not seen here. Failures and waiting are told by English wordings. Ledgers are read in the form of the Magentic orchestrators; a run that gets out of a stall has its replies reported until the answer. Agents that only report look unanswered if the tool counts receipts and nobody gives them.',
      sources: ['https://arxiv.org/abs/2503.13657'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(former, step, ctx) {
    const speaks = step.has('messages.output') && (step.kind === 'agent' || step.kind === 'llm');
    const state = speaks ? said(onReply(former, step, ctx), step, ctx) : former;
    if (step.kind === 'workflow' || step.kind === 'agent') {
      const roster = step.has('system') ? rosterOf(step.system ?? '') : [];
      if (roster.length === 0 || (state !== undefined && state.roster.length > 0)) return state;
      const known: State = { ...(state ?? empty()), roster };
      for (const row of known.rows) outsider(known, row, ctx);
      return known;
    }
    const sent = sentBy(step);
    if (sent === undefined) return state;
    const next = state ?? empty();
    const row = rowOf(sent, step);
    next.rows.push(row);
    if (next.rows.length > MAX_ROWS) next.rows.shift();
    judge(next, row, sent, ctx);
    return next;
  },

  onEnd(state, _reason, ctx) {
    if (state === undefined) return;
    const { rows } = state;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as Row;
      if (!row.failed) continue;
      const later = rows.slice(i + 1);
      const mended =
        later.some((one) => one.from === row.to && !one.failed && !one.missed && !one.waits) && !later.some((one) => one.failed);
      // A failure that was received and answered by other means is coordination at work.
      if (mended || (!row.missed && !later.some((one) => one.failed || one.missed) && later.length > 0)) continue;
      const last = rows[rows.length - 1] as Row;
      ctx.report('broken_handover', {
        at: row,
        key: row.spanId,
        evidence: [row, last],
        score: row.missed ? 0.75 : 0.65,
        data: { from: row.from, to: row.to },
      });
      break;
    }
  },
});

/** Who waits for whom, from what agents say; a circle of it is a deadlock. An agent that says something else waits no more. */
function said(state: State | undefined, step: Step, ctx: Ctx): State | undefined {
  const { agent: from, traceId, spanId } = step;
  if (from === undefined || step.rollup) return state;
  const to = waitsFor(step);
  if (to === undefined && state?.waits?.some((one) => one.from === from) !== true) return state;
  const waits = (state?.waits ?? []).filter((one) => one.from !== from);
  const next: State = { ...(state ?? empty()), waits };
  if (to === undefined || to === from) return next;
  waits.push({ from, to, traceId, spanId });
  if (waits.length > MAX_WAITS) waits.shift();
  const circle: Waiting[] = [];
  for (let one = waits.find((wait) => wait.from === from); one !== undefined && !circle.includes(one); ) {
    circle.push(one);
    const { to: other } = one;
    one = waits.find((wait) => wait.from === other);
  }
  const last = circle[circle.length - 1];
  if (circle.length > 1 && last?.to === from)
    ctx.report('deadlock', {
      at: step,
      key: circle
        .map((one) => one.from)
        .sort()
        .join('|'),
      evidence: circle,
      score: 0.9,
      data: { from, to },
    });
  return next;
}

function empty(): State {
  return { rows: [], roster: [], ledger: null, questions: null };
}

/** What a planner writes down of its run, and what the agents say after it. */
function onReply(state: State | undefined, step: Step, ctx: Ctx): State | undefined {
  const read = foldLedger(state?.ledger ?? null, step);
  if (read !== undefined) {
    for (const key of read.satisfied) ctx.withdraw('stalled', key);
    return { ...(state ?? empty()), ledger: read.ledger };
  }
  // A model call inside of an agent's turn is no message yet.
  if (step.kind !== 'agent') return state;
  const reply = state?.ledger ? replyOf(state.ledger, step) : undefined;
  if (reply)
    // On AgentRx dev six of ten such replies are labelled failing, before the first report one of four.
    ctx.report('stalled', { at: step, key: reply.key, evidence: [reply.from], score: 0.62, data: { agent: reply.agent } });
  const { questions, unheard } = followQuestion(state?.questions ?? null, step);
  if (unheard)
    ctx.report('unheard', {
      at: step,
      key: step.spanId,
      evidence: [unheard.question],
      score: 0.75,
      data: { from: unheard.from, to: unheard.to },
    });
  if (questions === null || questions === state?.questions) return state;
  return { ...(state ?? empty()), questions };
}

function rowOf({ from, to, content, acknowledged }: Sent, { traceId, spanId }: SpanRef): Row {
  const lower = content.toLowerCase();
  const says = (words: readonly string[]): boolean => words.some((word) => lower.includes(word));
  return {
    traceId,
    spanId,
    from,
    to,
    content: hashText(maskVolatile(lower).replaceAll(/\d+/g, '#').slice(0, 200)),
    waits: says(waiting),
    passes: says(passing),
    failed: says(failing) && !says(mending),
    missed: acknowledged === false,
  };
}

function judge(state: State, row: Row, { content }: Sent, ctx: Ctx): void {
  const { rows } = state;
  outsider(state, row, ctx);
  const same = (one: Row): boolean => one.from === row.from && one.to === row.to;
  const answered = (one: Row): boolean => one.from === row.to;
  const since = rows.slice(rows.findLastIndex(answered) + 1).filter(same);
  const missed = since.filter((one) => one.missed).length;
  const pair = { from: row.from, to: row.to };
  if (missed >= ctx.options.min_requests)
    ctx.report('unanswered', {
      at: row,
      key: `${row.from}>${row.to}`,
      evidence: since.slice(0, 8),
      score: Math.min(0.9, 0.65 + 0.1 * (missed - 1)),
      data: { ...pair, count: missed },
    });
  const run = rows.slice(rows.findLastIndex((one) => !same(one)) + 1);
  if (run.length >= ctx.options.max_burst)
    ctx.report('flood', {
      at: row,
      key: `${row.from}>${row.to}`,
      evidence: run.slice(0, 2),
      score: 0.75,
      data: { ...pair, count: run.length },
    });
  if (row.waits) {
    const other = rows.findLast((one) => one.waits && one.from === row.to && one.to === row.from);
    if (other)
      ctx.report('deadlock', {
        at: row,
        key: [row.from, row.to].sort().join('|'),
        evidence: [other, row],
        score: 0.9,
        data: pair,
      });
  }
  if (conflicting.some((word) => content.toLowerCase().includes(word)))
    ctx.report('conflict', { at: row, key: row.spanId, score: 0.7, data: pair });
  circle(rows, row, ctx);
  rounds(rows, row, ctx);
}

function outsider({ roster }: State, row: Row, ctx: Ctx): void {
  if (
    roster.length === 0 ||
    roster.includes(row.to) ||
    ['user', 'all', 'team', 'everyone', 'human'].includes(row.to.toLowerCase())
  )
    return;
  ctx.report('unknown_recipient', { at: row, key: `${row.from}>${row.to}`, score: 0.85, data: { from: row.from, to: row.to } });
}

/** A → B → C → A in neighbouring messages, each passing the task on. */
function circle(rows: readonly Row[], row: Row, ctx: Ctx): void {
  const chain = [row];
  for (let i = rows.length - 2; i >= 0 && chain.length < 6; i--) {
    const before = rows[i] as Row;
    const first = chain[0] as Row;
    if (before.to !== first.from) break;
    chain.unshift(before);
    if (before.from !== row.to || chain.length < 3) continue;
    if (chain.filter((one) => one.passes).length < chain.length - 1) return;
    ctx.report('circle', {
      at: row,
      key: (chain[0] as Row).spanId,
      evidence: chain,
      score: 0.8,
      data: { to: row.to, count: chain.length },
    });
    return;
  }
}

/** The same two messages in turn, again and again. */
function rounds(rows: readonly Row[], row: Row, ctx: Ctx): void {
  let count = 1;
  for (let i = rows.length - 3; i >= 0; i -= 2) {
    const before = rows[i] as Row;
    if (before.from !== row.from || before.to !== row.to || before.content !== row.content) break;
    count++;
  }
  const between = rows[rows.length - 2];
  if (count < ctx.options.min_rounds || between?.from !== row.to || between.to !== row.from) return;
  ctx.report('back_and_forth', {
    at: row,
    key: [row.from, row.to].sort().join('|'),
    evidence: [rows[rows.length - 3] as Row, between, row],
    score: Math.min(0.95, 0.75 + 0.05 * (count - ctx.options.min_rounds)),
    data: { from: row.from, to: row.to, count },
  });
}
