/** Every component that a configuration may name: the one place that knows them all. */
import { factory as agentEvents } from '../connectors/agent_events/agent_events.ts';
import { factory as detections } from '../connectors/detections/detections.ts';
import { factory as forward } from '../connectors/forward/forward.ts';
import { factory as datadog } from '../exporters/datadog/datadog.ts';
import { factory as debug } from '../exporters/debug/debug.ts';
import { factory as fileExporter } from '../exporters/file/file.ts';
import { factory as kafkaExporter } from '../exporters/kafka/kafka.ts';
import { factory as langfuse } from '../exporters/langfuse/langfuse.ts';
import { factory as nop } from '../exporters/nop/nop.ts';
import { factory as otlpGrpc } from '../exporters/otlp_grpc/otlp_grpc.ts';
import { factory as otlpHttp } from '../exporters/otlp_http/otlp_http.ts';
import { factory as phoenix } from '../exporters/phoenix/phoenix.ts';
import { factory as store } from '../exporters/store/store.ts';
import { apiFactory } from '../extensions/api/api.ts';
import { factory as basicAuth } from '../extensions/basicauth/basicauth.ts';
import { factory as bearerTokenAuth } from '../extensions/bearertokenauth/bearertokenauth.ts';
import { databaseFactory } from '../extensions/database/database.ts';
import { factory as fileStorage } from '../extensions/file_storage/file_storage.ts';
import { factory as healthCheck } from '../extensions/health_check/health_check.ts';
import { factory as judge } from '../extensions/judge/judge.ts';
import { factory as settings } from '../extensions/settings/settings.ts';
import { factory as zpages } from '../extensions/zpages/zpages.ts';
import { factory as batch } from '../processors/batch/batch.ts';
import { detectFactory } from '../processors/detect/detect.ts';
import { factory as genaiNormalizer } from '../processors/genai_normalizer/genai_normalizer.ts';
import { factory as memoryLimiter } from '../processors/memory_limiter/memory_limiter.ts';
import { factory as redact } from '../processors/redact/redact.ts';
import { factory as fileReceiver } from '../receivers/file/file.ts';
import { factory as kafkaReceiver } from '../receivers/kafka/kafka.ts';
import { managedAgentsFactory } from '../receivers/managed_agents/managed_agents.ts';
import { n8nFactory } from '../receivers/n8n/n8n.ts';
import { factory as otlp } from '../receivers/otlp/otlp.ts';
import { managedAgents } from '../receivers/webhook/managed-agents/managed-agents.ts';
import { n8n } from '../receivers/webhook/n8n/n8n.ts';
import { webhookFactory } from '../receivers/webhook/webhook.ts';
import type { AnyFactory } from '../src/component/component.ts';
import { provideDetectors } from '../src/sdk/registry.ts';
import { analyser, analysisIn } from './analysis.ts';
import { catalogued } from './catalogued.ts';
import { shippedDetectors } from './detectors.ts';
import { embeddingFile, embeddingTable } from './shipped.ts';

/** For what detects beside the pipelines: the decisions of the webhook receiver. */
provideDetectors(() => shippedDetectors);

/** One for the process: what it finds can be watched at `findings$`, whichever pipeline found it. */
const detect = detectFactory(
  shippedDetectors,
  embeddingTable,
  new URL(import.meta.url.endsWith('.ts') ? './detect-worker.ts' : './detect-worker.js', import.meta.url),
);

export const { findings$ } = detect;

export const factories: readonly AnyFactory[] = [
  otlp,
  fileReceiver,
  kafkaReceiver,
  webhookFactory(shippedDetectors),
  memoryLimiter,
  redact,
  genaiNormalizer,
  detect,
  batch,
  otlpHttp,
  otlpGrpc,
  debug,
  fileExporter,
  nop,
  kafkaExporter,
  store,
  datadog,
  langfuse,
  phoenix,
  forward,
  agentEvents,
  detections,
  healthCheck,
  zpages,
  fileStorage,
  databaseFactory(embeddingFile),
  settings,
  judge,
  apiFactory(catalogued, analysisIn(), analyser),
  bearerTokenAuth,
  basicAuth,
  managedAgentsFactory(managedAgents),
  n8nFactory(n8n),
];
