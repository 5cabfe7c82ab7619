/** What files may hold beside OTLP/JSON: bodies of frameworks' webhooks, told by their shape. */
import { conversation } from '../receivers/webhook/conversation/conversation.ts';
import { detect } from '../receivers/webhook/conversation/shapes.ts';
import { dify } from '../receivers/webhook/dify/dify.ts';
import { langgraph } from '../receivers/webhook/langgraph/langgraph.ts';
import { n8n } from '../receivers/webhook/n8n/n8n.ts';
import { openclaw } from '../receivers/webhook/openclaw/openclaw.ts';

/** A payload to OTLP/JSON documents. Throws an error that says what is wrong with the payload. */
export type Format = (payload: unknown) => readonly unknown[];

export const formats: Readonly<Record<string, Format>> = {
  otlp: (payload) => [payload],
  n8n,
  dify,
  langgraph,
  openclaw,
  conversation,
};

/** Members that tell a format, the surest first: all of one list must be there. */
const marks: readonly (readonly [string, readonly string[]])[] = [
  ['otlp', ['resourceSpans']],
  ['otlp', ['resource_spans']],
  ['dify', ['workflow_run_id']],
  ['n8n', ['executionId']],
  ['n8n', ['nodes', 'connections']],
  ['n8n', ['workflowData']],
  ['langgraph', ['run_id', 'steps']],
  ['langgraph', ['run_id', 'thread_id']],
  ['langgraph', ['run_id', 'assistant_id']],
  ['openclaw', ['session_id', 'events']],
];

/** What a payload was taken for. */
export interface Told {
  readonly format: string;
  /** 0 to 1. A member by name tells for sure; a conversation is told by its elements. */
  readonly confidence: number;
  readonly why: string;
}

/** The format of a payload; `otlp` if nothing tells, so that its own errors speak. */
export function tell(payload: unknown): Told {
  const nothing = { format: 'otlp', confidence: 0, why: 'nothing tells' };
  if (typeof payload !== 'object' || payload === null) return nothing;
  const found = marks.find(([, keys]) => keys.every((key) => Object.hasOwn(payload, key)));
  if (found !== undefined) return { format: found[0], confidence: 1, why: `it has ${found[1].join(' and ')}` };
  const { format, confidence, why } = detect(payload);
  return format === undefined ? nothing : { format: 'conversation', confidence, why: `${format}: ${why}` };
}

export function formatOf(payload: unknown): string {
  return tell(payload).format;
}

/** The payload as OTLP/JSON documents; `format` is a name of `formats` or `auto`. */
export function documents(format: string, payload: unknown): readonly unknown[] {
  const name = format === 'auto' ? formatOf(payload) : format;
  const convert = Object.hasOwn(formats, name) ? formats[name] : undefined;
  if (convert === undefined)
    throw new Error(`format ${name}: unknown, must be auto or one of ${Object.keys(formats).join(', ')}.`);
  return convert(payload);
}
