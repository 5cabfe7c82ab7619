// The OpenTelemetry SDK for JavaScript writes log events as Claude Code and openai-v2 do, into a running service over loopback:
// detectors find what is wrong in logs alone, and content reaches its span in either order. And the built command line.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT_CONTEXT, trace } from '@opentelemetry/api';
import type { AnyValue, AnyValueMap } from '@opentelemetry/api-logs';
import { ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider, type LogRecordExporter } from '@opentelemetry/sdk-logs';
import { afterAll, describe, expect, test } from 'vitest';
import {
  claudeCode,
  claudeScope,
  logsDocument,
  modelCall,
  spanId,
  type TestRecord,
  traceId,
} from '../connectors/agent_events/testing.ts';
import { bodyOf } from '../src/batch/batch.ts';
import { until } from '../src/component/testing.ts';
import { activate } from '../src/detector/options.ts';
import { recordsOf } from '../src/dialects/testing/requests.ts';
import { protobufToJson } from '../src/otlp/json.ts';
import { play } from './commands/replay.ts';
import { startSidecar } from './commands/run.ts';
import { shippedDetectors } from './detectors.ts';

const folder = mkdtempSync(join(tmpdir(), 'misstep-events-'));
const file = join(folder, 'logs.json');
afterAll(() => rmSync(folder, { recursive: true }));

/** What Claude Code writes at default settings while a command fails again and again: no prompt, no arguments, no message. */
const session: readonly TestRecord[] = [
  claudeCode('user_prompt', { prompt_length: '20', prompt: '<REDACTED>' }, 1),
  ...Array.from({ length: 8 }, (_, i) => [
    claudeCode(
      'api_request',
      { model: 'claude-x', request_id: `r${i}`, duration_ms: '900', input_tokens: '9', output_tokens: '9' },
      3 * i + 2,
    ),
    claudeCode('tool_decision', { tool_name: 'Bash', tool_use_id: `t${i}`, decision: 'accept', source: 'config' }, 3 * i + 3),
    claudeCode(
      'tool_result',
      { tool_name: 'Bash', tool_use_id: `t${i}`, success: 'false', error_type: 'ShellError', duration_ms: '40' },
      3 * i + 4,
    ),
  ]).flat(),
];
const shifted = session.map((record) => ({ ...record, atMs: (record.atMs ?? 0) + Date.now() - 1_790_000_060_000 }));

async function listening(onBody: (body: Uint8Array) => void) {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      onBody(Buffer.concat(chunks));
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

const portOf = (server: Awaited<ReturnType<typeof listening>>): number => (server.address() as AddressInfo).port;

async function freePort(): Promise<number> {
  const server = await listening(() => {});
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What differs from the shipped configuration: ports, and a backend. */
function overlay(http: number, backend: number): string {
  const none = { exporters: ['nop'] };
  return JSON.stringify({
    receivers: { otlp: { protocols: { grpc: { endpoint: '127.0.0.1:0' }, http: { endpoint: `127.0.0.1:${http}` } } } },
    exporters: {
      nop: null,
      otlp_http: { endpoint: `http://127.0.0.1:${backend}`, compression: 'none', sending_queue: { enabled: false } },
    },
    service: {
      extensions: [],
      pipelines: { traces: { exporters: ['otlp_http', 'detections'] }, logs: none, metrics: none },
      telemetry: { logs: { level: 'error' }, metrics: { level: 'none' } },
    },
  });
}

async function send(url: string, body: Uint8Array): Promise<void> {
  const headers = { 'content-type': 'application/x-protobuf' };
  const { status } = await fetch(url, { method: 'POST', headers, body: new Uint8Array(body) });
  expect(status).toBe(200);
}

/** The SDK's own records, batches and serialisation. */
function sdkLogger(url: string, scope: string) {
  const exporter: LogRecordExporter = {
    export(records, done) {
      const body = ProtobufLogsSerializer.serializeRequest(records);
      send(`${url}/v1/logs`, body ?? new Uint8Array()).then(
        () => done({ code: 0 }),
        (error: Error) => done({ code: 1, error }),
      );
    },
    shutdown: () => Promise.resolve(),
    forceFlush: () => Promise.resolve(),
  };
  const provider = new LoggerProvider({
    resource: resourceFromAttributes({ 'service.name': 'test' }),
    processors: [new BatchLogRecordProcessor({ exporter, maxExportBatchSize: 4 })],
  });
  const logger = provider.getLogger(scope, '2.1.0');
  return {
    emit({ atMs, eventName, body, attributes, ...ids }: TestRecord) {
      const context =
        ids.traceId === undefined || ids.spanId === undefined
          ? ROOT_CONTEXT
          : trace.setSpanContext(ROOT_CONTEXT, { traceId: ids.traceId, spanId: ids.spanId, traceFlags: 1 });
      logger.emit({
        ...(atMs === undefined ? {} : { timestamp: new Date(atMs) }),
        ...(eventName === undefined ? {} : { eventName }),
        body: body as AnyValue,
        attributes: (attributes ?? {}) as AnyValueMap,
        context,
      });
    },
    flush: () => provider.forceFlush(),
    shutdown: () => provider.shutdown(),
  };
}

const detectorsIn = (bodies: readonly Uint8Array[]): string[] => {
  const found = bodies.flatMap((body) => [
    ...protobufToJson('traces', body).matchAll(/"gen_ai\.evaluation\.name","value":\{"stringValue":"(\w+)"/g),
  ]);
  return [...new Set(found.map((match) => match[1] as string))].sort();
};

describe('the OpenTelemetry SDK to the shipped configuration', () => {
  test('logs of Claude Code alone: a tool that fails again and again is found', async () => {
    const bodies: Uint8Array[] = [];
    const backend = await listening((body) => bodies.push(body));
    const http = await freePort();
    const sidecar = await startSidecar(overlay(http, portOf(backend)));
    try {
      const logger = sdkLogger(`http://127.0.0.1:${http}`, claudeScope);
      for (const record of shifted) logger.emit(record);
      await logger.flush();
      await logger.shutdown();
    } finally {
      await sidecar.shutdown();
      backend.close();
    }
    const { steps } = recordsOf(bodies);
    expect(steps.filter(({ kind }) => kind === 'tool')).toHaveLength(8);
    expect(steps.filter(({ kind }) => kind === 'llm')).toHaveLength(8);
    expect(detectorsIn(bodies)).toContain('tool_failure');
    expect(sidecar.service.book.balance()).toBe(0);
  });

  test.each(['events first', 'span first'])('content reaches its span: %s', async (order) => {
    const bodies: Uint8Array[] = [];
    const backend = await listening((body) => bodies.push(body));
    const http = await freePort();
    const url = `http://127.0.0.1:${http}`;
    const sidecar = await startSidecar(overlay(http, portOf(backend)));
    const logger = sdkLogger(url, 'opentelemetry.instrumentation.openai_v2');
    const ids = { traceId, spanId };
    const choice = {
      eventName: 'gen_ai.choice',
      body: { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Sunny.' } },
    };
    try {
      // An earlier call of the same service: from now on its spans are waited for.
      logger.emit({ ...choice, traceId, spanId: 'eeeeeeeeeeeeeeee' });
      await logger.flush();
      const spans = () => send(`${url}/v1/traces`, bodyOf(modelCall()));
      const events = async () => {
        logger.emit({ eventName: 'gen_ai.user.message', body: { content: 'Weather?' }, ...ids });
        logger.emit({ ...choice, ...ids });
        await logger.flush();
      };
      if (order === 'events first') {
        await events();
        await spans();
      } else {
        const sent = spans();
        await events();
        await sent;
      }
      await logger.shutdown();
    } finally {
      await sidecar.shutdown();
      backend.close();
    }
    const { steps } = recordsOf(bodies);
    expect(steps.map(({ input, output }) => [input[0]?.text, output[0]?.text])).toEqual([['Weather?', 'Sunny.']]);
    expect(sidecar.service.book.balance()).toBe(0);
  });
});

describe('a file of logs', () => {
  test('is told by its shape and played', async () => {
    writeFileSync(file, JSON.stringify(logsDocument(claudeScope, session)));
    const { findings, steps, problems } = await play(file, activate(shippedDetectors, {}).active);
    expect(problems).toEqual([]);
    expect(steps).toHaveLength(17);
    expect(findings.map(({ detector }) => detector)).toContain('tool_failure');
  });
});

const built = join(import.meta.dirname, '../dist/bin/misstep.js');

describe.skipIf(!existsSync(built))('the built command line', () => {
  test('replay', () => {
    writeFileSync(file, JSON.stringify(logsDocument(claudeScope, session)));
    expect(execFileSync(process.execPath, [built, 'replay', file], { encoding: 'utf8' })).toMatch(/17 steps[\s\S]*tool_failure/);
  });

  test('run, with a configuration that names the connector', async () => {
    const bodies: Uint8Array[] = [];
    const backend = await listening((body) => bodies.push(body));
    const http = await freePort();
    const config = join(folder, 'misstep.yaml');
    writeFileSync(
      config,
      `
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:${http}"}}}}
processors: {detect: }
connectors: {agent_events: }
exporters: {otlp_http: {endpoint: "http://127.0.0.1:${portOf(backend)}", compression: none}}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    logs: {receivers: [otlp], exporters: [agent_events]}
    traces: {receivers: [agent_events], processors: [detect], exporters: [otlp_http]}
`,
    );
    const misstep = spawn(process.execPath, [built, 'run', '--config', config], { stdio: 'ignore' });
    const ended = new Promise((resolve) => misstep.once('exit', resolve));
    try {
      const url = `http://127.0.0.1:${http}/v1/logs`;
      const body = JSON.stringify(logsDocument(claudeScope, shifted));
      const post = () => fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      let status = 0;
      await until(() => {
        if (status === 0) {
          status = -1;
          post().then(
            (answer) => (status = answer.status),
            () => (status = 0),
          );
        }
        return status > 0;
      });
      expect(status).toBe(200);
      await until(() => detectorsIn(bodies).includes('tool_failure'));
    } finally {
      misstep.kill('SIGTERM');
      await ended;
      backend.close();
    }
  }, 30_000);
});
