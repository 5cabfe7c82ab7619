/** What a user of each framework pastes, for `misstep connect`. `{http}`, `{grpc}` and `{webhook}` are the addresses of the sidecar. */

export interface Connection {
  readonly name: string;
  readonly title: string;
  /** The cheapest way in, ready to paste. */
  readonly paste: string;
  /** What most often keeps it from working; sentences. */
  readonly mind: readonly string[];
  /** How content is turned on where it is off by default; absent where it is on, or where there is none. */
  readonly content?: string;
  /** Another way in that shows more. */
  readonly more?: string;
  /** Tried here against the real program, or on recorded payloads only. */
  readonly tested: 'program' | 'recordings' | 'documentation';
}

const OTEL = `OTEL_EXPORTER_OTLP_ENDPOINT={http}
OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf`;

export const connections: readonly Connection[] = [
  {
    name: 'otel',
    title: 'Anything that exports OTLP',
    paste: OTEL,
    mind: ['gRPC is on {grpc}.'],
    content: 'OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY (older instrumentations: true)',
    tested: 'program',
  },
  {
    name: 'n8n',
    title: 'n8n, from 2.19',
    paste: `N8N_OTEL_ENABLED=true
N8N_OTEL_EXPORTER_OTLP_ENDPOINT={http}
N8N_OTEL_TRACES_PRODUCTION_ONLY=false
N8N_AGENTS_TRACING_ENABLED=true`,
    mind: [
      'Without N8N_OTEL_TRACES_PRODUCTION_ONLY=false runs that are started by hand in the editor are not traced.',
      'In queue mode set them on the main, worker and webhook processes.',
    ],
    more: 'Items and the workflow itself: POST the execution (GET /api/v1/executions/{id}?includeData=true) to {webhook}/api/v1/n8n/webhook.',
    tested: 'program',
  },
  {
    name: 'dify',
    title: 'Dify',
    paste: `App, Monitoring, Tracing, Phoenix:
  Endpoint  {http}
  API key   any
  Project   any`,
    mind: ["Dify's platform OTel (ENABLE_OTEL=true) samples 10 % unless OTEL_SAMPLING_RATE=1.0."],
    more: 'A run after the fact: POST its stream or object to {webhook}/api/v1/dify/webhook.',
    tested: 'recordings',
  },
  {
    name: 'langgraph',
    title: 'LangGraph',
    paste: `pip install openinference-instrumentation-langchain opentelemetry-exporter-otlp
from openinference.instrumentation.langchain import LangChainInstrumentor
LangChainInstrumentor().instrument()
# with
${OTEL}`,
    mind: ['The recursion limit is 10,007 in Python from 1.x and 25 in JavaScript unless `recursion_limit` says otherwise.'],
    more: 'States of the graph: POST stream_mode="debug" events (subgraphs=True) or get_state_history() to {webhook}/api/v1/langgraph/webhook. The Platform: webhook={webhook}/api/v1/langgraph/webhook?token=….',
    tested: 'recordings',
  },
  {
    name: 'deepagents',
    title: 'LangChain Deep Agents',
    paste: 'As langgraph: misstep connect langgraph',
    mind: ['A Deep Agent is a graph of LangGraph.'],
    tested: 'documentation',
  },
  {
    name: 'openclaw',
    title: 'OpenClaw',
    paste: `openclaw plugins install clawhub:@openclaw/diagnostics-otel
diagnostics:
  otel: {enabled: true, endpoint: {http}, protocol: http/protobuf, traces: true, sessionAttribute: true}`,
    mind: ['Without sessionAttribute: true spans name no session, and nothing is seen beyond one trace.'],
    content: 'captureContent in the same block',
    tested: 'recordings',
  },
  {
    name: 'claude-code',
    title: 'Claude Code',
    paste: `{
  "env": {
    "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
    "OTEL_LOGS_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "{http}",
    "OTEL_LOG_TOOL_DETAILS": "1"
  }
}`,
    mind: [
      'In ~/.claude/settings.json. Its events are logs: a configuration of your own needs the connector agent_events in a pipeline of logs, as the built-in one has it.',
      'Traces are a beta: CLAUDE_CODE_ENHANCED_TELEMETRY_BETA=1 and OTEL_TRACES_EXPORTER=otlp.',
    ],
    content: 'OTEL_LOG_USER_PROMPTS=1, OTEL_LOG_TOOL_DETAILS=1, OTEL_LOG_TOOL_CONTENT=1',
    tested: 'recordings',
  },
  {
    name: 'openai-agents',
    title: 'OpenAI Agents SDK',
    paste: `from agents import add_trace_processor
from agents.tracing.processors import BackendSpanExporter, BatchTraceProcessor
add_trace_processor(BatchTraceProcessor(BackendSpanExporter(endpoint="{webhook}/v1/traces/ingest")))`,
    mind: ['The SDK sends nothing without an OPENAI_API_KEY; any value does for this endpoint.'],
    content:
      'Spans of the Responses API name the response only: use openinference-instrumentation-openai-agents, or send the responses too',
    tested: 'recordings',
  },
  {
    name: 'openai-responses',
    title: 'OpenAI Responses and Assistants',
    paste: `curl {webhook}/api/v1/openai/webhook -H 'content-type: application/json' --data @response.json`,
    mind: ['A response, a list of them, a stream, a run or its steps.'],
    tested: 'recordings',
  },
  {
    name: 'bedrock',
    title: 'Amazon Bedrock Agents',
    paste: `events = list(client.invoke_agent(..., enableTrace=True)["completion"])
requests.post("{webhook}/api/v1/bedrock/webhook", data=json.dumps(events, default=str), headers={"content-type": "application/json"})`,
    mind: ['Without enableTrace=True only the answer is there.'],
    tested: 'recordings',
  },
  {
    name: 'adk',
    title: 'Google ADK',
    paste: OTEL,
    mind: ['Honoured by `adk web` and `adk api_server`.'],
    content: 'ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS=true',
    more: 'A session after the fact: POST it with its events to {webhook}/api/v1/adk/webhook.',
    tested: 'recordings',
  },
  {
    name: 'vercel-ai',
    title: 'Vercel AI SDK',
    paste: `generateText({ …, experimental_telemetry: { isEnabled: true } })
// with the OpenTelemetry SDK and
${OTEL}`,
    mind: ['Each call must say isEnabled: true.'],
    tested: 'recordings',
  },
  ...(
    [
      ['langchain', 'LangChain', 'langchain', 'LangChainInstrumentor'],
      ['llamaindex', 'LlamaIndex', 'llama-index', 'LlamaIndexInstrumentor'],
      ['crewai', 'CrewAI', 'crewai', 'CrewAIInstrumentor'],
      ['autogen', 'AutoGen', 'autogen-agentchat', 'AutogenAgentChatInstrumentor'],
      ['smolagents', 'smolagents', 'smolagents', 'SmolagentsInstrumentor'],
    ] as const
  ).map(
    ([name, title, module, instrumentor]): Connection => ({
      name,
      title,
      paste: `pip install openinference-instrumentation-${module} opentelemetry-exporter-otlp
from openinference.instrumentation.${module.replaceAll('-', '_')} import ${instrumentor}
${instrumentor}().instrument()
# with
${OTEL}`,
      mind: ['Content is on unless OPENINFERENCE_HIDE_INPUTS or _OUTPUTS is set.'],
      tested: 'recordings',
    }),
  ),
  {
    name: 'pydantic-ai',
    title: 'Pydantic AI',
    paste: `from pydantic_ai import Agent
Agent.instrument_all()
# with the OpenTelemetry SDK and
${OTEL}`,
    mind: ['With Logfire: logfire.configure(send_to_logfire=False) sends to the endpoint alone.'],
    tested: 'recordings',
  },
];
