/** Who hands over to whom, where the span itself says it. */
import type { SpanReader } from '../otlp/span.ts';
import { firstMember, parse, text } from './json.ts';
import { find } from './pass.ts';
import { label } from './values.ts';

export interface Handoff {
  readonly from: string | undefined;
  readonly to: string | undefined;
}

const transfers = ['transfer_to_', 'handoff_to_', 'transfer_back_to_', 'handoff to '];

/** The agent that a tool's name hands over to; '' if its arguments say which. */
export function transferTarget(tool: string): string | undefined {
  for (const start of transfers) {
    if (!tool.startsWith(start)) continue;
    const rest = tool.slice(start.length);
    return rest === 'agent' ? '' : rest;
  }
  return undefined;
}

const known = (name: string | undefined): string | undefined => (name === 'unknown' || name === '' ? undefined : name);

/** OpenLLMetry writes `unknown` for a target that it does not know: that is nothing. */
export function readHandoff(reader: SpanReader, guards: number): Handoff {
  return {
    from: known(find(reader, 'handoffFrom', guards, label)),
    to: known(find(reader, 'handoffTo', guards, label)),
  };
}

export function argumentTarget(args: string | undefined): string | undefined {
  return args === undefined
    ? undefined
    : known(text(firstMember(parse(args), ['agent_name', 'agent', 'to', 'target', 'recipient'])));
}
