/** completion, messages. The facets of an unsupported answer are messages of their own: each has its own category and probability. */
import type { Messages } from '../../src/detector/detector.ts';

const taxonomy = (mast: readonly string[], trail: readonly string[], modes: readonly string[] = ['F14']) =>
  ({ mast, trail, owasp: ['ASI09'], modes }) as const;

export const messages = {
  unsupported: {
    text: 'A final answer was given before any tool was used; it rests on {{signs}}.',
    tier: 3,
    severity: 'medium',
    impact: 'The answer may be made up: nothing in the run supports it.',
    action: 'Refuse a final answer until a tool has been used, or ask for the span that supports each fact in it.',
    taxonomy: taxonomy(['FM-3.1'], ['Goal Deviation']),
  },
  recalled: {
    text: 'The unsupported answer assumes or recalls what it should look up.',
    tier: 3,
    severity: 'low',
    impact: 'What a model remembers is out of date or wrong and reads like a finding.',
    action: 'Ask for a source beside each fact, and let the agent say that it does not know.',
    taxonomy: taxonomy([], ['Language-only'], ['F15']),
  },
  claimed_source: {
    text: 'The unsupported answer skips tools that the plan named ({{tools}}) and speaks as if they had answered.',
    tier: 2,
    severity: 'low',
    impact: 'Readers take the answer for one that was looked up.',
    action: 'Check the answer against the tool calls of the run before it is handed on.',
    taxonomy: taxonomy(['FM-2.6'], ['Tool-related'], ['F15']),
  },
  tools_skipped: {
    text: 'The agent has tools for this and answered at its first step without them.',
    tier: 2,
    severity: 'low',
    impact: 'The instructions to search and to verify were not followed.',
    action: 'Say in the instructions which facts must come from a tool, and check for it.',
    taxonomy: taxonomy(['FM-1.1'], ['Tool Selection Errors', 'Instruction Non-compliance'], ['F7']),
  },
  plan_skipped: {
    text: 'The agent went to the answer at its first step; nothing that was planned was done.',
    tier: 2,
    severity: 'low',
    impact: 'Steps that would have found the answer never ran.',
    action: 'Let the plan be executed step by step, with a check that each was done.',
    taxonomy: taxonomy(['FM-2.6'], ['Task Orchestration'], ['F6']),
  },
  assumed: {
    text: 'The final answer is written out on an assumption although tools were used.',
    tier: 3,
    severity: 'low',
    impact: 'The tools did not bring the answer, and the guess reads like a finding.',
    action: 'Let the agent report what it could not find.',
    taxonomy: taxonomy(['FM-3.1'], ['Goal Deviation', 'Language-only'], ['F15']),
  },
  failed_check: {
    text: 'Success is claimed although the last check failed.',
    tier: 1,
    severity: 'high',
    impact: 'Broken work is handed on as finished.',
    action: 'Make the end of the run conditional on the check.',
    taxonomy: taxonomy(['FM-3.1', 'FM-3.3'], ['Tool Output Misinterpretation'], ['F13', 'F14']),
  },
  open_todos: {
    text: 'The task is called done with {{open}} todos open.',
    tier: 1,
    severity: 'medium',
    impact: 'Planned work is missing from the result.',
    action: 'Let the todo list decide when the task is done.',
    taxonomy: taxonomy(['FM-3.1'], ['Task Orchestration']),
  },
  partial: {
    text: 'The task is called done, and {{unmet}} of {{items}} items that were asked for are not mentioned.',
    tier: 3,
    severity: 'medium',
    impact: 'Part of what was asked for is missing, and nobody says so.',
    action: 'Ask for a line about each item in the answer.',
    taxonomy: taxonomy(['FM-3.1'], [], ['F14']),
  },
  gap: {
    text: "The task is called done beside a stated gap ('{{words}}').",
    tier: 3,
    severity: 'medium',
    impact: 'The claim is read, the gap is not.',
    action: 'Report the state as partial, with what is left.',
    taxonomy: taxonomy(['FM-3.1'], [], ['F14']),
  },
  no_answer: {
    text: 'The run ended without an answer: its last model call failed.',
    tier: 1,
    severity: 'high',
    impact: 'Whoever asked gets nothing, and what was found is lost.',
    action: 'Retry the call with back-off, and keep the state of the run so that it can go on.',
    taxonomy: taxonomy(['FM-3.1'], ['Context Handling Failures', 'Instruction Non-compliance']),
  },
  delayed: {
    text: 'Work went on after the final answer.',
    tier: 1,
    severity: 'medium',
    impact: 'Turns are spent on a task that is over, and later work may contradict the answer.',
    action: 'Stop the loop at the final answer.',
    taxonomy: taxonomy(['FM-1.5'], ['Resource Abuse']),
  },
} as const satisfies Messages;
