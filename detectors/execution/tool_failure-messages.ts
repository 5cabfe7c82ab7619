/** tool_failure, messages: one a class, so that each carries its own category. */
import type { Messages } from '../../src/detector/detector.ts';

const cost = 'The step brought nothing; what follows works without it unless it is tried another way.';

function failure<const T extends string>(text: T, trail: readonly string[], action: string, severity: 'low' | 'medium' = 'low') {
  return {
    text,
    tier: 1,
    severity,
    impact: cost,
    action,
    taxonomy: { mast: [], trail, owasp: ['ASI08'], modes: ['F4'] },
  } as const;
}

export const messages = {
  timeout: failure(
    "'{{tool}}' timed out.",
    ['Timeout Issues'],
    'Raise the limit or ask for less at once, and give the agent another way.',
  ),
  limited: failure(
    "'{{tool}}' reached a limit of its environment.",
    ['Resource Exhaustion', 'Timeout Issues'],
    'Ask for less at once: pages instead of everything, a bounded loop instead of an open one.',
  ),
  rate_limited: failure(
    "'{{tool}}' was refused by a rate limit.",
    ['Rate Limiting'],
    'Back off with jitter, and bound the calls of parallel agents.',
  ),
  refused: failure(
    "'{{tool}}' was refused for lack of authority.",
    ['Authentication Errors'],
    'Check the credentials of the tool; tell the agent which sources it may read.',
  ),
  not_found: failure(
    "'{{tool}}' did not find what it was given.",
    ['Resource Not Found'],
    'Let the agent list what exists before it names it.',
  ),
  unavailable: failure(
    "The service behind '{{tool}}' failed.",
    ['Service Errors'],
    'Retry with back-off, and alert the owner of the service.',
  ),
  environment: failure(
    "'{{tool}}' failed because something is missing in its environment.",
    ['Environment Setup Errors'],
    'Install or allow what is missing, or say in the instructions that it is not there.',
  ),
  rejected: failure(
    "'{{tool}}' rejected the arguments it was called with.",
    ['Tool-related'],
    'Validate arguments before the call; show the schema and one example in the description of the tool.',
  ),
  empty: failure(
    "'{{tool}}' found nothing for a query.",
    ['Poor Information Retrieval'],
    'Let the agent widen a query that found nothing.',
  ),
  failed: failure("'{{tool}}' failed.", [], 'Read the error; let the tool say what to change.'),
  carried: {
    text: "The model acted on a failure of '{{tool}}' ({{class}}).",
    tier: 1,
    severity: 'low',
    impact: 'The next call repeats or builds on what failed.',
    action: 'Return errors that say what to change, and check the form of calls and code before they run.',
    taxonomy: { mast: [], trail: ['Formatting Errors'], owasp: ['ASI08'], modes: ['F12'] },
  },
  spelled_out: {
    text: 'The code got a text character by character: it walked over a string as if it were a list.',
    tier: 1,
    severity: 'low',
    impact: 'The result cannot be read, and fills the context with single letters.',
    action: 'Say in the description of the tool whether its result is a text or a list.',
    taxonomy: { mast: [], trail: ['Formatting Errors'], owasp: [], modes: ['F12'] },
  },
  exhausted: {
    text: "'{{tool}}' failed {{count}} times in a row.",
    tier: 1,
    severity: 'medium',
    impact: 'Each further try costs a turn of the model and changes nothing.',
    action: 'Stop after the second failure of one kind; change the approach or ask a person.',
    taxonomy: { mast: ['FM-1.3'], trail: ['Resource Abuse'], owasp: ['ASI08'], modes: ['F3'] },
  },
} as const satisfies Messages;
