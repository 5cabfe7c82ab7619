// What connect prints for each framework, and --check against a running service into which recorded spans are sent.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Command, CommanderError } from 'commander';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { frameworks } from '../connect/frameworks.ts';
import { register } from './connect.ts';
import { startSidecar } from './run.ts';

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

afterEach(() => vi.restoreAllMocks());

async function connect(...args: string[]) {
  const [out, err]: [string[], string[]] = [[], []];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => out.push(String(text)) > 0);
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => err.push(String(text)) > 0);
  const program = new Command().exitOverride();
  register(program);
  for (const one of program.commands) one.exitOverride();
  const before = process.exitCode;
  process.exitCode = 0;
  try {
    await program.parseAsync(['connect', ...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode;
  }
  const code = process.exitCode;
  process.exitCode = before;
  return { code, out: out.join(''), err: err.join('') };
}

describe('what to paste', () => {
  it.each(frameworks.map(({ name }) => name))('%s: a block, a trap, the switch, and no placeholder left', async (name) => {
    const { code, out } = await connect(name, '--endpoint', 'http://misstep:4318');
    expect(code).toBe(0);
    expect(out).toMatch(/^# .+\n[\s\S]+\nMind: .+\nContent: .+\.\nWithout content these are blind: .*\bgrounding\b.*\nThen: /);
    expect(out).not.toMatch(/\{otlp\}|\{webhook\}|localhost:43/);
    expect(out).not.toContain('\u001b');
  });

  it('all that are promised are there, once', async () => {
    const { out } = await connect('--list');
    const names =
      'n8n dify langgraph deepagents openclaw claude-code claude-agent-sdk managed-agents openai-agents openai-responses bedrock adk cursor claude-desktop windsurf vercel-ai langchain llamaindex crewai pydantic-ai autogen otel';
    expect(out.trim().split('\n').sort()).toEqual(names.split(' ').sort());
  });

  it.each([
    ['claude-code', 'settings.json', (text: string) => text],
    ['openclaw', 'openclaw.json', (text: string) => `{${text}}`],
  ])('examples/%s/%s says the same', async (name, file, whole) => {
    const { out } = await connect(name, '--json');
    const example = JSON.parse(readFileSync(new URL(`../../examples/${name}/${file}`, import.meta.url), 'utf8')) as unknown;
    expect(JSON.parse(whole((JSON.parse(out) as { paste: string }).paste))).toEqual(example);
  });

  it.each([
    ['n8n', ['n8n-otel', '@n8n/agents', 'webhook.n8n'], ['ai', 'webhook.dify']],
    [
      'langgraph',
      ['openinference.instrumentation.langchain', 'opentelemetry.instrumentation.langchain', 'langsmith'],
      ['n8n-otel'],
    ],
    ['openai-agents', ['openinference.instrumentation.openai_agents', 'logfire.openai_agents', 'webhook.openai'], ['ai']],
    ['adk', ['gcp.vertex.agent', 'openinference.instrumentation.google_adk', 'webhook.adk'], ['vertexai']],
    ['claude-code', ['com.anthropic.claude_code.tracing', 'agent_events.claude', 'webhook.claude-code'], ['anthropic']],
    ['vercel-ai', ['ai'], ['openai', 'ai.koog']],
  ])('%s knows its scopes', (name, its, others) => {
    const { scope } = frameworks.find((one) => one.name === name) as (typeof frameworks)[number];
    expect([...its, ...others].filter((one) => scope?.test(one))).toEqual(its);
  });

  it.each(['claude-code', 'cursor', 'claude-desktop', 'windsurf'])('%s asks what was found through misstep mcp', async (name) => {
    expect((await connect(name)).out).toMatch(/"misstep", "args": \["mcp"\]|claude mcp add misstep -- misstep mcp/);
  });

  it('as JSON', async () => {
    const { out } = await connect('n8n', '--json');
    expect(JSON.parse(out)).toMatchObject({ name: 'n8n', paste: expect.stringContaining('=http://localhost:4318') as unknown });
  });

  it.each([
    [['langraph'], 2, "unknown framework, langraph. Did you mean 'langgraph'?"],
    [[], 2, 'name a framework. Known: adk, '],
    [['n8n', '--endpoint', 'misstep'], 1, 'Not a URL of http or https'],
    [['n8n', '--timeout', '0'], 1, 'Not a number of seconds'],
  ])('%j', async (args, code, text) => {
    const seen = await connect(...args);
    expect([seen.code, seen.out]).toEqual([code, '']);
    expect(seen.err).toContain(text);
  });
});

describe('--check', () => {
  async function service(detect = true) {
    const [http, health] = [await freePort(), await freePort()];
    const none = { exporters: ['nop'] };
    const sidecar = await startSidecar(
      JSON.stringify({
        receivers: { otlp: { protocols: { grpc: { endpoint: '127.0.0.1:0' }, http: { endpoint: `127.0.0.1:${http}` } } } },
        exporters: { nop: null },
        extensions: { health_check: { endpoint: `127.0.0.1:${health}` } },
        service: {
          pipelines: {
            traces: detect ? { exporters: ['nop', 'detections'] } : { processors: [], exporters: ['nop', 'detections'] },
            logs: none,
            metrics: none,
          },
          telemetry: { logs: { level: 'error' }, metrics: { level: 'none' } },
        },
      }),
    );
    return {
      url: `http://127.0.0.1:${health}`,
      async send(body: string) {
        const headers = { 'content-type': 'application/json' };
        const { status } = await fetch(`http://127.0.0.1:${http}/v1/traces`, { method: 'POST', headers, body });
        expect(status).toBe(200);
      },
      stop: () => sidecar.shutdown(),
    };
  }
  const recorded = readFileSync(new URL('../../examples/recordings/vercel-ai.json', import.meta.url), 'utf8');

  it('waits, then says what came and which detectors are blind', async () => {
    const misstep = await service();
    const waiting = connect('vercel-ai', '--check', '--url', misstep.url, '--timeout', '30');
    await misstep.send(recorded);
    const { code, out, err } = await waiting;
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(
      /^First step: scope ai, service record-vercel-ai, attributes of .*\bvercel\w*.*\.\n\d+ steps of agents in \d+ spans, through otlp http\.\n/,
    );
    expect(out).toMatch(/\nBlind so far \(\d+\): .*\bgrounding\b/);
    expect(out).toMatch(/\nContent of vercel-ai: recordInputs .+\n-> /);
    const { out: json } = await connect('--check', '--json', '--url', misstep.url);
    expect(JSON.parse(json)).toMatchObject({
      framework: null,
      through: ['otlp http'],
      came: [{ service: 'record-vercel-ai', scope: 'ai' }],
      others: [],
    });
    await misstep.stop();
  });

  it('spans of nobody, and none at all: exit 1 and where to look', async () => {
    const misstep = await service();
    const args = ['n8n', '--check', '--url', misstep.url, '--timeout', '0.3'];
    const none = await connect(...args);
    expect([none.code, none.out]).toEqual([1, '']);
    expect(none.err).toMatch(/nothing of n8n within 0\.3 s; no span came: .+\?\nMind: .+\nSee also: misstep doctor\n/);
    const span = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), name: 'GET /' };
    await misstep.send(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }));
    const other = await connect(...args);
    expect(other.code).toBe(1);
    expect(other.err).toContain('1 spans came, and none is a step of an agent');
    await misstep.stop();
  });

  it('nobody there', async () => {
    await expect(connect('--check', '--url', 'http://127.0.0.1:9')).rejects.toThrow("Start 'misstep run'");
  });
});
