/**
 * Which path takes what, and how it answers: the one table of the receiver. An adapter is one line of `adapters`; a path
 * whose adapter is not there is not served.
 */

import { adk, hints as adkHints } from './adk/adk.ts';
import { bedrock, hints as bedrockHints } from './bedrock/bedrock.ts';
import { claudeCode, hints as claudeCodeHints } from './claude-code/claude-code.ts';
import { conversation, hints as conversationHints } from './conversation/conversation.ts';
import { dify, hints as difyHints } from './dify/dify.ts';
import { langgraph, hints as langgraphHints } from './langgraph/langgraph.ts';
import { managedAgents, hints as managedAgentsHints } from './managed-agents/managed-agents.ts';
import { n8n, hints as n8nHints } from './n8n/n8n.ts';
import { openai, hints as openaiHints } from './openai/openai.ts';
import { openclaw, hints as openclawHints } from './openclaw/openclaw.ts';
import { type Answerer, claudeCodeTraces, created, empty, states } from './replies.ts';
import type { TraceDocument } from './run.ts';

export interface Adapter {
  /** Pure. `receivedMs` (Unix) stands for the time of payloads that have none. Throws `PayloadError`. */
  readonly convert: (payload: unknown, receivedMs: number) => readonly TraceDocument[];
  /** Sentences for the sender when this payload cannot show failures. */
  readonly hints?: (payload: unknown) => readonly string[];
}

const adapters: Readonly<Record<string, Adapter>> = {
  n8n: { convert: n8n, hints: n8nHints },
  dify: { convert: dify, hints: difyHints },
  langgraph: { convert: langgraph, hints: langgraphHints },
  openclaw: { convert: openclaw, hints: openclawHints },
  openai: { convert: openai, hints: openaiHints },
  bedrock: { convert: bedrock, hints: bedrockHints },
  adk: { convert: adk, hints: adkHints },
  conversations: { convert: conversation, hints: conversationHints },
  'claude-code': { convert: claudeCode, hints: claudeCodeHints },
  'managed-agents': { convert: managedAgents, hints: managedAgentsHints },
};

/** OTLP traces in protobuf or JSON, answered as OTLP asks. `summary` = JSON is answered as the reference does. */
export interface OtlpRoute {
  readonly kind: 'otlp';
  readonly status: 200 | 202;
}

export interface AdapterRoute {
  readonly kind: 'adapter';
  readonly format: string;
  readonly adapter: Adapter;
  readonly answer: Answerer;
  /** The sender stands still until it is answered: after so many ms it is, whatever the pipeline says. */
  readonly answerWithinMs?: number;
}

/** The events of a session, answered with a verdict. Nothing of it goes through the pipeline. */
export interface GradeRoute {
  readonly kind: 'grade';
  readonly format: string;
  readonly adapter: Adapter;
}

export type Route = OtlpRoute | AdapterRoute | GradeRoute;

const otlp: readonly (readonly [path: string, status: 200 | 202])[] = [
  // Of the reference, which says 202. Its clients are the OpenTelemetry SDKs, so protobuf too.
  ['/api/v1/traces/ingest', 202],
  ['/v1/traces', 200],
  // OTEL_EXPORTER_OTLP_ENDPOINT=…/api/v1, to which the SDKs add the rest.
  ['/api/v1/v1/traces', 200],
  // Exporters of Langfuse.
  ['/api/public/otel/v1/traces', 200],
];

/** The reference's deadline of a hook; Claude Code goes on without an answer, later and with a complaint. */
const HOOK_MS = 80;

const paths: readonly (readonly [path: string, format: string, answer: Answerer, answerWithinMs?: number])[] = [
  ['/api/v1/n8n/webhook', 'n8n', states({ quality_assessment_triggered: false })],
  ['/api/v1/dify/webhook', 'dify', states()],
  ['/api/v1/langgraph/webhook', 'langgraph', states()],
  // Deep Agents are graphs of LangGraph.
  ['/api/v1/deepagents/webhook', 'langgraph', states()],
  ['/api/v1/openclaw/webhook', 'openclaw', states()],
  ['/api/v1/traces/claude-code/ingest', 'claude-code', claudeCodeTraces],
  ['/api/v1/hooks/claude-code', 'claude-code', empty, HOOK_MS],
  ['/api/v1/managed-agents/webhook', 'managed-agents', states()],
  ['/api/v1/openai/webhook', 'openai', states()],
  // The exporter of the OpenAI Agents SDK, pointed here.
  ['/v1/traces/ingest', 'openai', empty],
  ['/api/v1/bedrock/webhook', 'bedrock', states()],
  ['/api/v1/adk/webhook', 'adk', states()],
  ['/api/v1/conversations/ingest', 'conversations', created],
];

/** The first is the reference's. */
const grades = ['/grade', '/api/v1/managed-agents/grade'];

export const routes: ReadonlyMap<string, Route> = new Map<string, Route>([
  ...otlp.map(([path, status]) => [path, { kind: 'otlp', status }] as const),
  ...paths.flatMap(([path, format, answer, within]) => {
    const adapter = Object.hasOwn(adapters, format) ? adapters[format] : undefined;
    if (adapter === undefined) return [];
    const route = { kind: 'adapter', format, adapter, answer } as const;
    return [[path, within === undefined ? route : { ...route, answerWithinMs: within }] as const];
  }),
  ...grades.map((path) => [path, { kind: 'grade', format: 'managed-agents', adapter: { convert: managedAgents } }] as const),
]);
