/**
 * A run as turns: who acted, what was said, which tools were called and how the tool behind it answered. Containers (a span around
 * others), a human's messages and the machinery that only executes are kept out of the candidates but not out of the run.
 */
import type { Step } from '../../step/step.ts';
import { type TextFacts, textFacts } from '../../text/facts.ts';
import { outputText } from '../../text/features.ts';

/** How an execution answered: it failed, it had nothing to run, it gave nothing, or it gave something. */
export type Answer = 'failed' | 'nothing_to_run' | 'empty' | 'ok';

export interface Turn {
  readonly step: Step;
  readonly agent: string | undefined;
  readonly role: 'actor' | 'tool' | 'human';
  readonly facts: TextFacts;
  /** Names of the tools that this turn called. */
  readonly calls: readonly string[];
  /** Of a tool. */
  readonly answer: Answer | undefined;
}

/** Verbs by which tools that change something begin. A transfer to somebody is a handoff and changes nothing. */
const change =
  /^(modify|exchange|return|update|cancel|create|delete|remove|send|write|book|pay|refund|submit|insert|set|add|post|put|replace|edit|move|buy|order|place)([_\-. A-Z]|$)/;

/** True if the turn calls a tool that changes something. */
export function changesSomething({ calls }: Turn): boolean {
  return calls.some((name) => change.test(name));
}

export interface Run {
  readonly traceId: string;
  /** In event order; at least one. */
  readonly turns: readonly Turn[];
  /** What was asked for, in the asker's words. */
  readonly task: TextFacts;
  /** The agent that gives the others the word, if there is one. */
  readonly planner: string | undefined;
  /** Place of the turn that answers for a span: its own, else (a tool, a container) that of the actor before. */
  readonly placeOf: ReadonlyMap<string, number>;
}

/** Longer runs are looked at from both ends. Multi-agent runs of the evaluation pack have 5 to 130 turns. */
export const MAX_TURNS = 512;
/** Characters of a tool's answer that are looked at. */
const ANSWER_LIMIT = 8_192;
/** An answer longer than this is not empty. */
const EMPTY_LIMIT = 200;
/** A planner says who is next in its last few messages: a ledger, an instruction, a name. */
const NAMED_WITHIN = 3;
const humans = new Set(['human', 'user', 'userproxy', 'humanproxy', 'customer', 'humaninput']);

/** `steps` are those of one trace, in event order. */
export function runOf(traceId: string, steps: readonly Step[]): Run {
  const parents = new Set<string>();
  for (const { parentId, kind } of steps) if (kind !== 'evaluator' && kind !== 'guardrail') parents.add(parentId);
  const leaves = steps.filter((step) => !step.rollup && (step.kind === 'llm' || !parents.has(step.spanId)));
  const acting = leaves.filter(({ kind }) => kind === 'llm' || kind === 'agent' || kind === 'tool' || kind === 'handoff');
  const chosen = bothEnds(acting.length > 0 ? acting : leaves.length > 0 ? leaves : steps);
  const turns = chosen.map(turnOf);
  return { traceId, turns, task: textFacts(taskOf(steps, turns)), planner: plannerOf(turns), placeOf: placesOf(steps, turns) };
}

/** In event order a container ends after what it holds, and a tool after the call: both belong to the actor before. */
function placesOf(steps: readonly Step[], turns: readonly Turn[]): ReadonlyMap<string, number> {
  const own = new Map(turns.map((turn, place) => [turn.step.spanId, { place, role: turn.role }]));
  const places = new Map<string, number>();
  let actor: number | undefined;
  for (const { spanId } of steps) {
    const turn = own.get(spanId);
    if (turn?.role === 'actor') actor = turn.place;
    const place = turn?.role === 'human' ? turn.place : (actor ?? turn?.place);
    if (place !== undefined) places.set(spanId, place);
  }
  return places;
}

function bothEnds(steps: readonly Step[]): readonly Step[] {
  if (steps.length <= MAX_TURNS) return steps;
  return [...steps.slice(0, MAX_TURNS / 2), ...steps.slice(-MAX_TURNS / 2)];
}

function turnOf(step: Step): Turn {
  const human = humans.has((step.agent ?? '').toLowerCase().replaceAll(/[^a-z]/g, ''));
  const tool = step.kind === 'tool';
  const text = tool ? (step.tool?.result ?? step.error?.message ?? outputText(step)).slice(0, ANSWER_LIMIT) : outputText(step);
  return {
    step,
    agent: step.agent,
    role: tool ? 'tool' : human ? 'human' : 'actor',
    facts: textFacts(text),
    calls: tool ? [] : step.output.flatMap(({ toolCalls }) => toolCalls.map(({ name }) => name)),
    answer: tool ? answerOf(step, text) : undefined,
  };
}

function answerOf({ outcome }: Step, text: string): Answer {
  if (outcome === 'error' || outcome === 'handled_error' || outcome === 'timeout') return 'failed';
  const head = text.slice(0, EMPTY_LIMIT);
  if (/\bno code\b/i.test(head)) return 'nothing_to_run';
  const code = /exit ?code:? ?(\d+)/i.exec(head);
  if ((code && code[1] !== '0') || /^error\b/i.test(head) || text.includes('Traceback (most recent call last)')) return 'failed';
  if (text.length > EMPTY_LIMIT) return 'ok';
  const rest = code ? text.slice(code.index + code[0].length) : text;
  const said = rest.replace(/\([^)]*\)|code output:?/gi, '').trim();
  return /^(|none|null|0|\[\]|\{\}|"")$/i.test(said) ? 'empty' : 'ok';
}

/** Input of the run's outermost step, else what the human said first, else what the first model call was told. */
function taskOf(steps: readonly Step[], turns: readonly Turn[]): string {
  const outer = steps.find(({ parentId }) => parentId === '');
  const human = turns.find(({ role }) => role === 'human');
  for (const step of [outer, turns[0]?.step]) {
    const asked = step?.input.find(({ role, text }) => role === 'user' && text !== '');
    if (asked) return asked.text;
    if (human) return human.facts.text;
  }
  return '';
}

/** A star: the agent that speaks more than all others together and, where it gives the word away, mostly names who is to act. */
function plannerOf(turns: readonly Turn[]): string | undefined {
  const spoken = new Map<string, number>();
  const gave = new Map<string, { times: number; named: number }>();
  let all = 0;
  // The latest turns of one speaker in a row.
  let row: Turn[] = [];
  for (const turn of turns) {
    if (turn.role !== 'actor' || turn.agent === undefined) continue;
    all++;
    spoken.set(turn.agent, (spoken.get(turn.agent) ?? 0) + 1);
    const speaker = row[0]?.agent;
    if (speaker !== undefined && speaker !== turn.agent) {
      const counts = gave.get(speaker) ?? { times: 0, named: 0 };
      counts.times++;
      const name = turn.agent;
      if (row.slice(-NAMED_WITHIN).some(({ facts }) => facts.text.includes(name))) counts.named++;
      gave.set(speaker, counts);
      row = [];
    }
    row.push(turn);
  }
  for (const [agent, { times, named }] of gave) if ((spoken.get(agent) ?? 0) * 2 > all && named * 2 >= times) return agent;
  return undefined;
}
