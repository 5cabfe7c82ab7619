/** What a user pastes for each framework: plain entries. `{otlp}` and `{webhook}` become addresses of misstep. */

export interface Framework {
  readonly name: string;
  /** Where the block goes. */
  readonly where: string;
  readonly paste: string;
  /** The one thing that goes wrong. */
  readonly trap: string;
  /** What turns prompts, answers, arguments and results on; `undefined` if they come by default. */
  readonly content: string | undefined;
  /** Scopes of its spans, whoever instruments it; `undefined`: they cannot be told from others. */
  readonly scope?: RegExp;
  /** What it pastes besides to ask what was found, where it is a client of MCP. */
  readonly tools?: { readonly where: string; readonly paste: string };
}

const genai = 'OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY (older instrumentations: true)';
/** OpenInference sends content unless told otherwise. */
const openinference = (instrumentor: string, module: string, extra = ''): string =>
  `pip install openinference-instrumentation-${module.replaceAll('_', '-')} opentelemetry-sdk opentelemetry-exporter-otlp-proto-http

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from openinference.instrumentation.${module} import ${instrumentor}
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter("{otlp}/v1/traces")))
${instrumentor}().instrument(tracer_provider=provider)${extra}`;
const server = '{"mcpServers": {"misstep": {"command": "misstep", "args": ["mcp"]}}}';
const ends = 'A short program ends before the batch is sent: call provider.shutdown() at its end.';

export const frameworks: readonly Framework[] = [
  {
    name: 'otel',
    where: 'environment of the application',
    paste: 'OTEL_EXPORTER_OTLP_ENDPOINT={otlp}\nOTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf',
    trap: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is taken as it is: it needs /v1/traces at its end, OTEL_EXPORTER_OTLP_ENDPOINT must not have it.',
    content: genai,
  },
  {
    name: 'n8n',
    where: 'environment of n8n: main, worker and webhook processes',
    paste:
      'N8N_OTEL_ENABLED=true\nN8N_AGENTS_TRACING_ENABLED=true\nN8N_OTEL_TRACES_PRODUCTION_ONLY=false\nN8N_OTEL_EXPORTER_OTLP_ENDPOINT={otlp}',
    trap: 'Without N8N_OTEL_TRACES_PRODUCTION_ONLY=false manual runs are not traced.',
    content:
      'the spans of nodes never have items: the receiver n8n pulls executions with them (docs/frameworks/n8n.md); or post the execution to {webhook}/api/v1/n8n/webhook, or replay it with --format n8n. Agents: N8N_AGENTS_TRACING_RECORD_INPUTS and _OUTPUTS not false',
    scope: /n8n/,
  },
  {
    name: 'dify',
    where: 'Monitoring -> Tracing -> Phoenix, in the app; the second line in the environment of Dify',
    paste: 'Endpoint: {otlp}   API key: any text   Project: the name of the app\nOTEL_SAMPLING_RATE=1.0',
    trap: 'OTEL_SAMPLING_RATE is 0.1 by default: nine runs of ten are not sent by the platform exporter.',
    content: undefined,
  },
  {
    name: 'langgraph',
    where: 'the Python program; JavaScript: docs/frameworks/langchain-js.md',
    paste: openinference('LangChainInstrumentor', 'langchain'),
    trap: 'The recursion limit of LangGraph for Python is 10007 (JavaScript: 25): give recursion_limit in the config, or a loop ends long after it began.',
    content: undefined,
    scope: /langchain|langgraph|langsmith/,
  },
  {
    name: 'deepagents',
    where: 'the Python program',
    paste: openinference('LangChainInstrumentor', 'langchain'),
    trap: 'A subagent is a call of the tool `task`: its steps are below it only if it runs in the same process.',
    content: undefined,
    scope: /langchain|langgraph|langsmith/,
  },
  {
    name: 'langchain',
    where: 'the Python program; JavaScript: docs/frameworks/langchain-js.md',
    paste: openinference('LangChainInstrumentor', 'langchain'),
    trap: ends,
    content: undefined,
    scope: /langchain|langgraph|langsmith/,
  },
  {
    name: 'llamaindex',
    where: 'the Python program',
    paste: openinference('LlamaIndexInstrumentor', 'llama_index'),
    trap: ends,
    content: undefined,
    scope: /llama_?index/,
  },
  {
    name: 'crewai',
    where: 'the Python program',
    paste: openinference('CrewAIInstrumentor', 'crewai'),
    trap: "CrewAI's own telemetry has no content and goes to CrewAI: this is another one. Instrument the model's library too for prompts.",
    content: undefined,
    scope: /crewai/,
  },
  {
    name: 'autogen',
    where: 'the Python program',
    paste: openinference('AutogenAgentChatInstrumentor', 'autogen_agentchat'),
    trap: 'The spans of autogen-core have little content, and creating an agent is a trace apart from running it.',
    content: undefined,
    scope: /autogen/,
  },
  {
    name: 'pydantic-ai',
    where: 'the Python program, with OTEL_EXPORTER_OTLP_ENDPOINT={otlp} in its environment',
    paste: 'pip install logfire\n\nimport logfire\nlogfire.configure(send_to_logfire=False)\nlogfire.instrument_pydantic_ai()',
    trap: 'Without send_to_logfire=False it asks for a Logfire token.',
    content: undefined,
    scope: /pydantic|logfire/,
  },
  {
    name: 'openai-agents',
    where: 'the Python program',
    paste:
      'from agents import add_trace_processor\nfrom agents.tracing.processors import BackendSpanExporter, BatchTraceProcessor\nadd_trace_processor(BatchTraceProcessor(BackendSpanExporter(api_key="any", endpoint="{webhook}/v1/traces/ingest")))',
    trap: 'The span of a response has its id and usage, not its text; without a key no span is exported.',
    content:
      'pip install openinference-instrumentation-openai-agents, and OpenAIAgentsInstrumentor().instrument() with OTLP to {otlp}',
    scope: /openai.agents|webhook\.openai/,
  },
  {
    name: 'openai-responses',
    where: 'after the call',
    paste:
      'curl {webhook}/api/v1/openai/webhook -H "Content-Type: application/json" -d @response.json\nmisstep replay --format openai response.json   # without a running misstep',
    trap: 'A streamed answer has no output until response.completed: post the object of that event.',
    content: undefined,
    scope: /openai/,
  },
  {
    name: 'bedrock',
    where: 'the Python program',
    paste:
      'parts = []\nfor event in client.invoke_agent(..., enableTrace=True)["completion"]:\n    if "trace" in event:\n        parts.append(event["trace"])\nrequests.post("{webhook}/api/v1/bedrock/webhook", data=json.dumps({"events": parts}, default=str),\n              headers={"Content-Type": "application/json"})',
    trap: 'Without enableTrace=True there are no traces, and the stream must be read to its end.',
    content: undefined,
    scope: /bedrock/,
  },
  {
    name: 'adk',
    where: 'environment of adk web or adk api_server (pip install "google-adk[otel]")',
    paste:
      'OTEL_EXPORTER_OTLP_ENDPOINT={otlp}\nOTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental\nOTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY',
    trap: 'A program with a Runner of its own sends nothing until it calls google.adk.telemetry.setup.maybe_set_otel_providers().',
    content:
      'the second and third line; ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS alone does nothing in ADK 2.13. Or post the session to {webhook}/api/v1/adk/webhook',
    scope: /gcp\.vertex\.agent|adk/,
  },
  {
    name: 'openclaw',
    where: 'openclaw plugins install clawhub:@openclaw/diagnostics-otel, then openclaw.json',
    paste: `"diagnostics": {"otel": {
  "enabled": true, "endpoint": "{otlp}", "protocol": "http/protobuf", "traces": true,
  "sessionAttribute": true, "captureContent": true
}}`,
    trap: 'Without sessionAttribute: true the session is left out, and what belongs to one session cannot be seen together.',
    content: 'captureContent: true',
    scope: /openclaw/,
  },
  {
    name: 'claude-code',
    where: '~/.claude/settings.json',
    paste: `{"env": {
  "CLAUDE_CODE_ENABLE_TELEMETRY": "1", "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
  "OTEL_TRACES_EXPORTER": "otlp", "OTEL_LOGS_EXPORTER": "otlp",
  "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_ENDPOINT": "{otlp}",
  "OTEL_LOG_USER_PROMPTS": "1", "OTEL_LOG_TOOL_DETAILS": "1", "OTEL_LOG_TOOL_CONTENT": "1"
}}`,
    trap: 'Without CLAUDE_CODE_ENHANCED_TELEMETRY_BETA=1 there are logs and no spans.',
    content: 'OTEL_LOG_USER_PROMPTS=1, OTEL_LOG_TOOL_DETAILS=1 and OTEL_LOG_TOOL_CONTENT=1',
    scope: /claude/,
    tools: { where: 'a shell', paste: 'claude mcp add misstep -- misstep mcp' },
  },
  {
    name: 'claude-agent-sdk',
    where: 'environment of the program',
    paste:
      'CLAUDE_CODE_ENABLE_TELEMETRY=1\nCLAUDE_CODE_ENHANCED_TELEMETRY_BETA=1\nOTEL_TRACES_EXPORTER=otlp\nOTEL_LOGS_EXPORTER=otlp\nOTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\nOTEL_EXPORTER_OTLP_ENDPOINT={otlp}',
    trap: 'Options with an env of their own replace the environment: pass these there.',
    content: 'OTEL_LOG_USER_PROMPTS=1, OTEL_LOG_TOOL_DETAILS=1 and OTEL_LOG_TOOL_CONTENT=1',
    scope: /claude/,
  },
  {
    name: 'managed-agents',
    where: 'Console -> Webhooks, and the configuration of misstep',
    paste: `URL: {webhook}/api/v1/managed-agents/webhook

receivers:
  webhook:
    signatures:
      /api/v1/managed-agents/webhook: {standard_webhooks: ["\${env:ANTHROPIC_WEBHOOK_SECRET}"]}`,
    trap: 'The webhook says that something happened, not what: the events of the session must be pulled.',
    content: 'the events of GET /v1/sessions/{id}/events, posted to the same path',
    scope: /managed/,
  },
  {
    name: 'cursor',
    where: '.cursor/hooks.json',
    paste: `{"version": 1, "hooks": {
  "beforeSubmitPrompt": [{"command": "misstep hook"}], "postToolUse": [{"command": "misstep hook"}],
  "postToolUseFailure": [{"command": "misstep hook"}], "afterAgentResponse": [{"command": "misstep hook"}],
  "subagentStop": [{"command": "misstep hook"}], "sessionEnd": [{"command": "misstep hook"}]
}}`,
    trap: 'Cursor reads hooks at its start: restart it.',
    content: undefined,
    scope: /cursor|claude/,
    tools: { where: '.cursor/mcp.json', paste: server },
  },
  {
    name: 'claude-desktop',
    where: 'a shell, after Settings -> Privacy -> Export data',
    paste: 'misstep replay conversations.json',
    trap: 'Nothing of it is sent anywhere by itself: what was said can be exported, what tools did is not in the export.',
    content: 'the export of conversations',
    tools: { where: 'claude_desktop_config.json', paste: server },
  },
  {
    name: 'windsurf',
    where: '~/.codeium/windsurf/mcp_config.json',
    paste: server,
    trap: 'An MCP server sees only the calls to itself: nothing of what Windsurf does comes here unless its model gives it to analyze_trace.',
    content: 'what its model gives to analyze_trace or analyze_conversation',
  },
  {
    name: 'vercel-ai',
    where: 'the program, AI SDK 5 and 6; docs/frameworks/vercel-ai.md has a whole one',
    // Not as one text: a line of it that begins as an import would be taken for one of this file.
    paste: [
      "import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';",
      "import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';",
      "const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: '{otlp}/v1/traces' }))] });",
      'provider.register();',
      "// In every call: generateText({ …, experimental_telemetry: { isEnabled: true, functionId: 'name-of-the-agent' } })",
    ].join('\n'),
    trap: 'Telemetry is off in every call that does not say experimental_telemetry: { isEnabled: true }.',
    content: 'recordInputs and recordOutputs not false',
    scope: /^ai$|vercel/,
  },
];
