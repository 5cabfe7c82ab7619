/** derailment, messages. */
import type { Messages } from '../../src/detector/detector.ts';

const taxonomy = (mast: readonly string[], trail: readonly string[]) =>
  ({ mast, trail, owasp: ['ASI01'], modes: ['F6'] }) as const;

export const messages = {
  said_not_done: {
    text: 'The model announces {{tools}}, and its code only prints.',
    tier: 2,
    severity: 'medium',
    impact: 'No call was made; the next step goes on as if it had been answered.',
    action: 'Check that an announced call was made, and say so to the model when it was not.',
    taxonomy: taxonomy(['FM-2.6'], ['Task Orchestration']),
  },
  idle_start: {
    text: 'The first code of the agent calls no tool and computes nothing.',
    tier: 2,
    severity: 'low',
    impact: 'A step is spent, and the run begins without facts.',
    action: 'Show one call of a tool in the instructions.',
    taxonomy: taxonomy(['FM-2.6'], ['Tool Selection Errors']),
  },
  restarted: {
    text: 'The message that opened the conversation was sent again; {{percent}} % of it is the same.',
    tier: 2,
    severity: 'medium',
    impact: 'What was found so far is lost, and its cost is spent again.',
    action: 'Keep the state of the plan outside of the conversation, and stop a run that begins anew.',
    taxonomy: taxonomy(['FM-2.1'], []),
  },
  tangent: {
    text: "The answer leaves its task ('{{words}}').",
    tier: 3,
    severity: 'medium',
    impact: 'The request is answered in part or not at all.',
    action: 'Repeat the request before the answer, and cut what was not asked for.',
    taxonomy: taxonomy(['FM-2.3'], ['Goal Deviation']),
  },
  off_task: {
    text: 'The answer has {{percent}} % of the content words of its request.',
    tier: 3,
    severity: 'medium',
    impact: 'Something else was answered.',
    action: 'Look whether the request reached the model, and repeat it right before the answer.',
    taxonomy: taxonomy(['FM-2.3'], ['Goal Deviation']),
  },
  drift: {
    text: 'For {{steps}} steps the work has been less and less about the task.',
    tier: 2,
    severity: 'low',
    impact: 'The run spends its steps on something else.',
    action: 'Repeat the task and the open part of the plan in the context.',
    taxonomy: taxonomy(['FM-2.3'], []),
  },
} as const satisfies Messages;
