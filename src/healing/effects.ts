/**
 * What a fix would have done to a run that is over. Each model is the rule that the fix puts in place, walked over the steps in order: it
 * reads only what the rule could have read by then, never where the finding is. Where the rule does not strike, nothing changes, and the
 * replay says that the fix does not help.
 *
 * A run that a rule stops ends there: what the agent would have done instead is in no recording.
 */
import type { Step } from '../step/step.ts';
import { argsHash, maskedResultHash } from '../text/features.ts';
import { scoreData } from '../text/injection-score.ts';
import type { Subject } from './fix.ts';

export interface Effect {
  /** The rule, in a sentence. */
  readonly model: string;
  /** What has to hold for the replay to mean anything. */
  readonly assumes: string;
  apply(steps: readonly Step[], subject: Subject): Step[];
}

/** Identical calls with the same answer that are let through. The detector speaks at three. */
const REPEATS = 2;
/** Same answers or failures of one tool in a row that are let through. */
const SAME_ANSWERS = 2;
/** Share of the context window at which the history is cut, and to which. The lowest mark of `overflow` is a half. */
const PRUNE_AT = 0.45;
const PRUNE_TO = 0.2;
/** A call may take this many times the median of the calls before it; the detector speaks at five. */
const CALL_FACTOR = 4;
/** As the detector's own threshold for text of tools. */
const SUSPECT = 0.7;
const WITHHELD = '[withheld: the text gave orders]';

const stops = 'The run ends where the rule strikes; what the agent would do next is not known.';

/** The agent's steps end before the first one for which `strikes` says so; it is asked in order of time. */
function stopAt(steps: readonly Step[], strikes: (step: Step, agent: string) => boolean): Step[] {
  const stopped = new Map<string, number>();
  const kept: Step[] = [];
  for (const step of steps.toSorted((a, b) => a.endMs - b.endMs || (a.spanId < b.spanId ? -1 : 1))) {
    const agent = `${step.sessionId ?? step.traceId}|${step.agent ?? ''}`;
    const end = stopped.get(agent);
    if (end !== undefined && step.startMs >= end) continue;
    if (strikes(step, agent)) stopped.set(agent, step.startMs);
    else kept.push(step);
  }
  return kept;
}

const repeatGuard: Effect = {
  model: `A call that was made ${REPEATS} times with the same arguments and gave the same result each time is refused.`,
  assumes: stops,
  apply(steps) {
    const results = new Map<string, string[]>();
    return stopAt(steps, (step, agent) => {
      if (step.kind !== 'tool' || step.tool === undefined) return false;
      const key = `${agent}|${step.tool.name}|${argsHash(step) ?? ''}`;
      const before = results.get(key) ?? [];
      const last = before.slice(-REPEATS);
      if (last.length === REPEATS && new Set(last).size === 1) return true;
      results.set(key, [...last, maskedResultHash(step) ?? '']);
      return false;
    });
  },
};

const answerBreaker: Effect = {
  model: `A tool that gave the same answer, or failed, ${SAME_ANSWERS} times in a row is not called again, and a model that said the same ${SAME_ANSWERS} times in a row is stopped.`,
  assumes: stops,
  apply(steps) {
    const streaks = new Map<string, { readonly answer: string; readonly count: number }>();
    return stopAt(steps, (step, agent) => {
      const tool = step.kind === 'tool' || step.kind === 'retriever';
      if (!tool && step.kind !== 'llm') return false;
      const key = `${agent}|${tool ? `tool ${step.tool?.name ?? step.name}` : 'said'}`;
      const streak = streaks.get(key);
      if (tool && streak !== undefined && streak.count >= SAME_ANSWERS) return true;
      const answer = tool ? answerOf(step) : said(step);
      const count = answer !== '' && streak?.answer === answer ? streak.count + 1 : 1;
      // What was said is known only after it was said: the call that says it once more is refused.
      if (!tool && count > SAME_ANSWERS) return true;
      streaks.set(key, { answer, count: answer === '' ? 0 : count });
      return false;
    });
  },
};

function failed({ outcome }: Step): boolean {
  return outcome === 'error' || outcome === 'handled_error' || outcome === 'timeout';
}

function answerOf(step: Step): string {
  return failed(step) ? 'failed' : (maskedResultHash(step) ?? '');
}

function said(step: Step): string {
  return step.output.map(({ text }) => text.trim().toLowerCase().replace(/\s+/g, ' ')).join('\n');
}

const budget: Effect = {
  model: 'Before each model call its tokens and cost are reserved; a call that would pass the budget is refused.',
  assumes: 'What a call takes is known before it is made. The run ends there.',
  apply(steps, { data }) {
    const most = Number(data['budget']);
    const tokens = data['unit'] === 'tokens';
    let used = 0;
    let over = false;
    return stopAt(steps, (step) => {
      if (step.kind !== 'llm' || over) return over;
      const takes = tokens ? (step.tokens?.input ?? 0) + (step.tokens?.output ?? 0) : (step.cost ?? 0);
      over = used + takes > most;
      if (!over) used += takes;
      return over;
    });
  },
};

const callCap: Effect = {
  model: `The input of a model call is cut to ${CALL_FACTOR} times the median of the calls before it.`,
  assumes: 'What was cut was not needed.',
  apply(steps) {
    const before = new Map<string, number[]>();
    return inOrder(steps).map((step) => {
      if (step.kind !== 'llm' || step.tokens === undefined) return step;
      const key = `${step.agent ?? ''}|${step.responseModel ?? step.requestModel ?? ''}`;
      const seen = before.get(key) ?? [];
      before.set(key, seen);
      const output = step.tokens.output ?? 0;
      const total = (step.tokens.input ?? 0) + output;
      const cap = seen.length === 0 ? total : CALL_FACTOR * (seen.toSorted((a, b) => a - b)[seen.length >> 1] as number);
      const kept = Math.min(total, Math.max(cap, output));
      seen.push(kept);
      return kept === total ? step : { ...step, tokens: { ...step.tokens, input: kept - output } };
    });
  },
};

const prune: Effect = {
  model: `When a call would fill more than ${PRUNE_AT * 100} % of the context window, the history before it is cut to ${PRUNE_TO * 100} %.`,
  assumes: 'What is cut from the history is not needed, and the run goes on to grow as it did.',
  apply(steps, { data }) {
    const window = windowOf(data);
    if (window === undefined) return [...steps];
    const model = String(data['model'] ?? '');
    const cut = new Map<string, number>();
    return inOrder(steps).map((step) => {
      const input = step.tokens?.input;
      if (step.kind !== 'llm' || input === undefined || (step.responseModel ?? step.requestModel) !== model) return step;
      const key = step.agent ?? '';
      let gone = Math.min(cut.get(key) ?? 0, input);
      if (input - gone > PRUNE_AT * window) gone = Math.max(0, input - Math.floor(PRUNE_TO * window));
      cut.set(key, gone);
      return gone === 0 || step.tokens === undefined ? step : { ...step, tokens: { ...step.tokens, input: input - gone } };
    });
  },
};

/** Tokens of the window, as the finding states it. */
function windowOf(data: Subject['data']): number | undefined {
  const stated = Number(data['window']);
  if (stated > 0) return stated;
  const whole = (Number(data['tokens']) / Number(data['percent'])) * 100;
  return Number.isFinite(whole) && whole > 0 ? whole : undefined;
}

const withhold: Effect = {
  model:
    "What a tool returns is scored by misstep's wording rules for orders in data before the model sees it, and withheld from 0.7 on.",
  assumes:
    'The filter is as good as these rules: an attack that they have no words for passes both. Calls that obeyed a withheld text would not have been made, but stay in the window.',
  apply(steps) {
    return steps.map((step) => {
      const clean = (text: string) => (scoreData(text, SUSPECT).score >= SUSPECT ? WITHHELD : text);
      const tool = step.tool?.result === undefined ? step.tool : { ...step.tool, result: clean(step.tool.result) };
      const input = step.input.map((message) =>
        message.role === 'tool'
          ? {
              ...message,
              text: clean(message.text),
              toolResults: message.toolResults.map((one) => ({ ...one, text: clean(one.text) })),
            }
          : message,
      );
      return { ...step, tool, input };
    });
  },
};

function inOrder(steps: readonly Step[]): Step[] {
  return steps.toSorted((a, b) => a.endMs - b.endMs || (a.spanId < b.spanId ? -1 : 1));
}

/** By `<detector>.<message> <fix type>`; `*` stands for every message. */
const effects: Readonly<Record<string, Effect>> = {
  'loop.* retry_limit': repeatGuard,
  'loop.* circuit_breaker': answerBreaker,
  'openclaw_session_loop.* retry_limit': repeatGuard,
  'openclaw_session_loop.* circuit_breaker': answerBreaker,
  'openclaw_tool_abuse.* retry_limit': repeatGuard,
  'coordination.back_and_forth retry_limit': repeatGuard,
  'tool_failure.* circuit_breaker': answerBreaker,
  'tool_failure.* retry_limit': repeatGuard,
  'cost.over_budget budget_limiter': budget,
  'cost.spike token_optimizer': callCap,
  'overflow.near_limit context_pruning': prune,
  'overflow.long context_pruning': prune,
  'overflow.filling context_pruning': prune,
  'overflow.near_limit summarization': prune,
  'overflow.long summarization': prune,
  'overflow.filling summarization': prune,
  'overflow.near_limit window_management': prune,
  'overflow.long window_management': prune,
  'overflow.filling window_management': prune,
  'injection.instruction_in_data input_filtering': withhold,
  'injection.followed input_filtering': withhold,
};

export function effectOf(subject: Pick<Subject, 'detector' | 'message'>, fixType: string): Effect | undefined {
  const { detector, message } = subject;
  return effects[`${detector}.${message} ${fixType}`] ?? effects[`${detector}.* ${fixType}`];
}

/** Why a fix of this type cannot be tried on a recording. */
export function whyNot(fixType: string): string {
  return reasons[fixType] ?? 'What it changes is what a model would say instead, and that is in no recording.';
}

const reasons: Readonly<Record<string, string>> = {
  exponential_backoff: 'Whether a later try would have succeeded is not in a recording.',
  timeout_addition: 'What an agent does when its wait is cut short is not in a recording.',
  async_handoff: 'In which order agents would have worked without waiting is not in a recording.',
  priority_adjustment: 'In which order agents would have worked is not in a recording.',
  cost_monitor: 'It reports and stops nothing.',
  progress_monitoring: 'It reports and stops nothing.',
  schema_enforcement: 'Stored steps hold neither schemas nor definitions of tools.',
  state_validation: 'Stored steps do not hold whole states.',
  checkpoint_recovery: 'What a run does after it was taken back is not in a recording.',
  permission_gate: 'What a person would have allowed is not in a recording.',
};
