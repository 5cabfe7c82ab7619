// The routes that the published text of the seed names, and those of its code: each is in the OpenAPI document, handed to the receiver of
// webhooks, or left out with a reason.
import { expect, test } from 'vitest';
import { PATHS } from '../../extensions/api/forward.ts';
import { openapi } from '../../extensions/api/openapi.ts';
import { routes } from '../../extensions/api/routes.ts';

const published = `
POST /auth/tenants, POST /auth/token, POST GET /auth/api-keys, DELETE /auth/api-keys/{}, GET /auth/me, GET /traces, GET /traces/{}, GET /traces/{}/states,
POST GET /n8n/workflows, POST GET /langgraph/deployments, POST GET /dify/instances, POST GET /openclaw/instances, GET /conversations, GET /conversations/{},
POST /conversations/{}/analyze, GET /detections, GET /detections/{}, PUT /detections/{}/validate, GET /detections/{}/fixes, POST /detections/{}/fixes/{}/apply,
POST /healing/trigger/{}, GET /healing, GET /healing/{}, POST /healing/{}/approve, POST /healing/{}/rollback, GET /agents, GET /analytics/loops,
GET /analytics/costs, GET /analytics/quality, POST GET /feedback, GET /feedback/stats, GET /feedback/recommendations, GET /benchmarks, GET /benchmarks/summary,
GET /benchmarks/modes, GET /benchmarks/methodology, GET /diagnostics/detector-status, GET /metrics, GET /metrics/json, POST /metrics/datadog/flush,
GET /metrics/datadog/dashboard, GET PUT /settings/thresholds, POST GET /workflow-groups, PUT DELETE /workflow-groups/{}, POST /workflow-groups/{}/assign,
GET /onboarding/status, POST /onboarding/demo, GET /health`;

const inCode = `
POST /traces/{}/analyze, GET /traces/{}/orchestration-quality, GET /traces/{}/chain-analysis, GET /conversations/{}/turns, DELETE /conversations/{},
POST /detections/{}/validate, GET /analytics/cost, DELETE /settings/thresholds, GET /settings/thresholds/defaults, GET /settings/thresholds/preview,
POST /onboarding/run-detection, GET /healing/{}/status, GET /healing/{}/progress, POST /healing/{}/complete, POST /healing/{}/promote, POST /healing/{}/reject,
POST /healing/{}/verify, POST GET /healing/n8n/connections, GET PUT DELETE /healing/n8n/connections/{}, POST /healing/apply-to-n8n/{},
POST /healing/n8n/versions/{}/restore, GET /healing/verification-metrics, POST GET /langgraph/assistants, POST GET /dify/apps, POST GET /openclaw/agents,
GET /review/queue, POST /review/batch, GET /review/stats, POST /workflow-groups/{}/auto-detect, GET /detections/stream`;

const handed = `/traces/ingest /traces/claude-code/ingest /conversations/ingest /hooks/claude-code /n8n/webhook /langgraph/webhook /dify/webhook
/openclaw/webhook`;

function named(text: string): string[] {
  return text.split(',').flatMap((one) => {
    const words = one.trim().split(/\s+/);
    return words.slice(0, -1).map((method) => `${method} ${words.at(-1)}`);
  });
}

test.each([
  ['published', published],
  ['in code', inCode],
])('what is %s is in the OpenAPI document', (_of, text) => {
  const { paths } = openapi(routes, '0') as { readonly paths: Readonly<Record<string, object>> };
  const there = new Set(
    Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace('/api/v1', '').replace(/\{\w+\}/g, '{}')}`),
    ),
  );
  expect(named(text).filter((one) => !there.has(one))).toEqual([]);
});

test('what takes spans in is handed to the receiver', () => {
  expect(handed.split(/\s+/).filter((path) => !PATHS.includes(`/api/v1${path}`))).toEqual([]);
});
