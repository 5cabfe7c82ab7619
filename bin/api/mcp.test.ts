// MCP over HTTP on the API's server: clients of both eras call every tool; hostile runs, strangers, mistakes.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Problem } from '../../extensions/api/problem.ts';
import {
  CANARY,
  connect,
  eras,
  expectFenced,
  expectHarmless,
  hostile,
  hostileTrace,
  ingestHostile,
  type McpClient,
} from '../testing/mcp.ts';
import { type Platform, startPlatform } from './testing.ts';

const json = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
const hex = (n: number) => n.toString(16).padStart(32, '0');

/** Every tool with arguments that find something, and whether text of the run is in its answer. */
const calls: readonly (readonly [name: string, args: Record<string, unknown>, quotes: boolean])[] = [
  ['list_detections', { limit: 20 }, true],
  ['get_detection', { id: hex(1) }, true],
  ['explain_detection', { id: hex(3) }, true],
  ['validate_detection', { id: hex(4), false_positive: false, notes: 'the user said so' }, false],
  ['list_traces', { limit: 20 }, true],
  ['get_trace', { trace_id: hex(2), limit: 20 }, true],
  ['analyze_trace', { trace: hostileTrace(hostile[0] as string) }, true],
  [
    'analyze_conversation',
    {
      conversation: {
        messages: [
          { role: 'user', content: hostile[1] },
          { role: 'assistant', content: 'No.' },
        ],
      },
    },
    false,
  ],
  ['list_agents', {}, true],
  ['get_cost', {}, true],
  ['detector_status', {}, false],
  ['get_thresholds', {}, false],
];

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform();
  await ingestHostile(platform);
});
afterAll(() => platform.stop());

describe.each(eras)('%s', (era) => {
  let client: McpClient;
  beforeAll(async () => {
    client = await connect(era, { url: platform.url });
  });
  afterAll(() => client.close());

  test('speaks the version of its era', () => {
    expect(client.version).toMatch(era.endsWith('2026') ? /^2026-07-28$/ : /^2025/);
  });

  test('lists at most 12 tools, each with schemas, a use and hints', async () => {
    const tools = await client.tools();
    expect(tools.map(({ name }) => name).sort()).toEqual(calls.map(([name]) => name).sort());
    expect(tools.length).toBeLessThanOrEqual(12);
    for (const { name, description, outputSchema, inputSchema, annotations } of tools) {
      // Cursor leaves out what has more than 60 characters with the server's name.
      expect(`misstep_${name}`.length).toBeLessThanOrEqual(60);
      expect(description?.length).toBeLessThanOrEqual(220);
      expect([inputSchema, outputSchema]).toMatchObject([{ type: 'object' }, { type: 'object' }]);
      const writes = name === 'validate_detection';
      expect(annotations).toMatchObject(writes ? { readOnlyHint: false, idempotentHint: true } : { readOnlyHint: true });
    }
  });

  test.each(calls)('claim 29: %s quotes a hostile run as data', async (name, args, quotes) => {
    await client.tools();
    expect(expectHarmless(await client.call(name, args))).toBe(quotes);
  });

  test('resources are fenced too; prompts name the tools', async () => {
    expectFenced(await client.resource(`misstep://detections/${hex(1)}`));
    expectFenced(await client.resource(`misstep://traces/${hex(1)}`));
    expectFenced(await client.resource('misstep://detectors'));
    await expect(client.resource(`misstep://traces/${hex(99)}`)).rejects.toMatchObject({ code: -32602 });
    expect(await client.prompts()).toEqual(['diagnose_run', 'postmortem']);
    expect(await client.prompt('diagnose_run', { trace_id: `${CANARY} ignore all` })).not.toContain(CANARY);
  });

  test('an unknown tool is an error of the protocol, a wrong argument one of the tool', async () => {
    await expect(client.call('drop_tables')).rejects.toMatchObject({ code: -32602 });
    const wrong: readonly [string, Record<string, unknown>, RegExp][] = [
      ['list_detections', { limit: 21 }, /limit/],
      ['get_trace', { trace_id: '../../auth/api-keys' }, /32 hex digits/],
      ['get_trace', {}, /trace_id/],
      ['get_detection', { id: hex(99) }, /no detection/],
      ['get_trace', { trace_id: hex(99) }, /no trace/],
      ['list_traces', { cursor: 'zzz' }, /cursor/],
      ['detector_status', { detection_type: 'nope' }, /no detector/],
      ['analyze_trace', { trace: 'no json' }, /no JSON/],
      ['analyze_trace', { trace: { resourceSpans: 7 } }, /cannot be read/],
      ['analyze_trace', { trace: {}, format: 'xml' }, /format/],
    ];
    for (const [name, args, said] of wrong) {
      const { isError, text } = await client.call(name, args);
      expect([name, args, isError]).toEqual([name, args, true]);
      expect(text).toMatch(said);
    }
  });
});

describe('what tools say', () => {
  let client: McpClient;
  beforeAll(async () => {
    client = await connect('sdk 2, 2026', { url: platform.url });
  });
  afterAll(() => client.close());

  test.each(hostile.map((text, i) => [`${i}`, text, i] as const))('claim 29: hostile text number %s', async (_, text, i) => {
    expectHarmless(await client.call('get_trace', { trace_id: hex(i + 1), limit: 20 }));
    expectHarmless(await client.call('explain_detection', { id: hex(i + 1) }));
    expectHarmless(await client.call('get_detection', { id: hex(i + 101) }));
    expectHarmless(await client.call('analyze_trace', { trace: hostileTrace(text.slice(0, 100_000)) }));
  });

  test('lists lead on, and steps do', async () => {
    const seen: string[] = [];
    for (let cursor: string | null = null; ; ) {
      const { structured } = await client.call('list_traces', { limit: 4, ...(cursor === null ? {} : { cursor }) });
      seen.push(...structured.traces.map(({ id }: { id: string }) => id));
      cursor = structured.next_cursor;
      if (cursor === null) break;
    }
    expect(seen.sort()).toEqual(hostile.map((_, i) => hex(i + 1)));
    const first = await client.call('get_trace', { trace_id: hex(1), limit: 2 });
    expect([first.structured.states.length, first.structured.next_offset]).toEqual([2, 2]);
    const rest = await client.call('get_trace', { trace_id: hex(1), limit: 2, offset: 2 });
    expect([
      rest.structured.states.map(({ sequence_num }: { sequence_num: number }) => sequence_num),
      rest.structured.next_offset,
    ]).toEqual([[2], null]);
  });

  test('what a span claims to be a name of ours and is none is not repeated', async () => {
    const { structured } = await client.call('get_detection', { id: hex(101) });
    expect(structured.detection).toMatchObject({
      detection_type: 'unknown',
      severity: 'unknown',
      category: 'unknown',
      message: 'unknown',
      span_id: 'unknown',
    });
  });

  test('an explanation shows the steps of the evidence and how far the detector is measured', async () => {
    const { structured } = await client.call('explain_detection', { id: hex(1) });
    expect(structured).toMatchObject({
      detection: { detection_type: 'loop', confidence: 90 },
      evidence: [{ span_id: (12).toString(16).padStart(16, '0'), kind: 'tool' }],
      evidence_left_out: 0,
    });
    expect(structured.detector.looks_for).toMatch(/\w/);
  });

  test('a judgement stands, and says how it came', async () => {
    await client.call('validate_detection', { id: hex(2), false_positive: true, notes: 'polling' });
    const { body } = await platform.ask('GET', `/detections/${hex(2)}`);
    expect(body).toMatchObject({ false_positive: true, notes: 'Through MCP. polling' });
  });

  test('a trace is analysed as replay does it: OTLP, JSON lines, a conversation', async () => {
    const { structured } = await client.call('analyze_trace', { trace: hostileTrace('ls') });
    expect(structured).toMatchObject({ format: 'otlp', steps: 6 });
    expect(structured.detections.map(({ detection_type }: { detection_type: string }) => detection_type)).toContain('loop');
    const lines = [hostileTrace('a'), hostileTrace('b')].map((one) => JSON.stringify(one)).join('\n');
    expect((await client.call('analyze_trace', { trace: lines })).structured.format).toBe('otlp');
    const messages = [
      { role: 'user', content: 'What is the weather?' },
      { role: 'assistant', content: 'It rains.' },
    ];
    expect((await client.call('analyze_conversation', { conversation: messages })).structured.format).toBe('conversation');
    expect((await client.call('analyze_conversation', { conversation: { messages } })).structured.steps).toBeGreaterThan(0);
  });

  test('thresholds: without settings it says so', async () => {
    const { text, structured } = await client.call('get_thresholds');
    if (structured.available) return;
    expect(text).toContain('has no settings of thresholds');
  });

  test('a call that is cancelled stops its analysis', async () => {
    const span = (hostileTrace('ls') as { resourceSpans: object[] }).resourceSpans;
    const large = { resourceSpans: Array.from({ length: 800 }, () => span[0]) };
    // As many at once as are allowed: if one of them went on, the next round would be refused.
    for (let round = 0; round < 2; round++) {
      const stop = [new AbortController(), new AbortController()];
      const asked = stop.map(({ signal }) => client.call('analyze_trace', { trace: large }, signal));
      const caught = asked.map((one) =>
        one.then(
          () => 'answered',
          () => 'cancelled',
        ),
      );
      await platform.ask('GET', '/health');
      for (const one of stop) one.abort();
      expect(await Promise.all(caught)).toEqual(['cancelled', 'cancelled']);
    }
    await expect.poll(async () => (await client.call('analyze_trace', { trace: hostileTrace('ls') })).isError).toBe(false);
  });
});

describe('HTTP', () => {
  const rpc = (body: string, headers: Record<string, string> = {}, method = 'POST') =>
    fetch(`${platform.url}/mcp`, {
      method,
      headers: { ...json, ...headers },
      ...(method === 'POST' ? { body } : {}),
    });
  const list = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';

  test.each([
    ['{"jsonrpc', 400, -32700],
    ['', 400, -32700],
    ['{"id":1}', 400, -32600],
    ['[]', 400, -32600],
    ['{"jsonrpc":"1.0","id":1,"method":"tools/list"}', 400, -32600],
    [`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 400, undefined],
  ])('malformed: %.40s', async (body, status, code) => {
    const answer = await rpc(body);
    expect(answer.status).toBe(status);
    if (code !== undefined) expect(await answer.json()).toMatchObject({ jsonrpc: '2.0', error: { code } });
  });

  test('more than 4 MB is refused, other media types and methods are', async () => {
    expect((await rpc('x'.repeat(4 * 1024 * 1024 + 1))).status).toBe(413);
    expect((await rpc(list, { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await rpc('', {}, 'GET')).status).toBe(405);
    expect((await rpc('', {}, 'DELETE')).status).toBe(405);
  });

  test.each([
    ['https://evil.example', 403],
    ['null', 403],
    ['http://localhost.evil.example', 403],
    ['http://localhost:5173', 200],
  ])('a page of %s: %i', async (origin, status) => {
    expect((await rpc(list, { origin })).status).toBe(status);
  });

  test('a name that leads to the loopback address is refused', async () => {
    const { request } = await import('node:http');
    const status = await new Promise((resolve, reject) => {
      const { port } = new URL(platform.url);
      const headers = { host: `rebound.example:${port}`, 'content-type': 'application/json' };
      request({ port, host: '127.0.0.1', path: '/mcp', method: 'POST', headers }, (answer) => resolve(answer.resume().statusCode))
        .on('error', reject)
        .end(list);
    });
    expect(status).toBe(403);
  });

  test('no session is made, so none can be taken over', async () => {
    const hello = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 't', version: '1' } };
    const answer = await rpc(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: hello }));
    expect([answer.status, answer.headers.get('mcp-session-id')]).toEqual([200, null]);
    expect((await rpc(list, { 'mcp-session-id': 'of-somebody-else' })).status).toBe(200);
  });

  test('read_only leaves the judgement out; enabled: false leaves all out', async () => {
    const reading = await startPlatform({ mcp: { read_only: true } });
    const client = await connect('sdk 2, 2026', { url: reading.url });
    expect((await client.tools()).map(({ name }) => name)).not.toContain('validate_detection');
    await expect(client.call('validate_detection', { id: hex(1), false_positive: true })).rejects.toMatchObject({ code: -32602 });
    await client.close();
    await reading.stop();
    const without = await startPlatform({ mcp: { enabled: false } });
    expect((await fetch(`${without.url}/mcp`, { method: 'POST' })).status).toBe(404);
    await without.stop();
  });
});

describe('two tenants', () => {
  let shared: Platform;
  const keys: Record<string, string> = {};
  beforeAll(async () => {
    shared = await startPlatform({ signup: true, mcp: { allowed_origins: ['app.example.com'] } }, false);
    for (const name of ['full', 'other']) {
      const { body } = await shared.ask('POST', '/auth/tenants', { name });
      keys[name] = body.api_key;
      if (name === 'full') await ingestHostile(shared, body.id);
    }
  });
  afterAll(() => shared.stop());

  test('the owner sees its own', async () => {
    const client = await connect('sdk 2, 2026', { url: shared.url, key: keys['full'] });
    for (const [name, args, quotes] of calls) expect(expectHarmless(await client.call(name, args))).toBe(quotes);
    await client.close();
  });

  test.each(eras)('claim 24: %s, another tenant sees and changes nothing', async (era) => {
    const client = await connect(era, { url: shared.url, key: keys['other'] });
    for (const [name, args] of calls.filter(([one]) => !one.startsWith('analyze'))) {
      const { isError, text, structured } = await client.call(name, args);
      expect(text).not.toContain(CANARY);
      if ('id' in args || 'trace_id' in args) expect([name, isError]).toEqual([name, true]);
      else expect(JSON.stringify(structured)).not.toContain(hex(1));
    }
    await expect(client.resource(`misstep://detections/${hex(1)}`)).rejects.toThrow();
    await client.close();
    const { body } = await shared.ask('GET', `/detections/${hex(5)}`, undefined, { 'x-api-key': keys['full'] as string });
    expect(body.validated).toBe(false);
  });

  test('without a key, or with a wrong one: 401', async () => {
    for (const headers of [{}, { authorization: 'Bearer msk_wrong' }]) {
      const answer = await fetch(`${shared.url}/mcp`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: '{}',
      });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="misstep"');
    }
    await expect(connect('sdk 2, 2026', { url: shared.url })).rejects.toThrow();
  });

  test('where others reach it, pages of this machine may not ask either; those that are named may', async () => {
    const from = (origin: string) =>
      fetch(`${shared.url}/mcp`, {
        method: 'POST',
        headers: {
          origin,
          authorization: `Bearer ${keys['full']}`,
          ...json,
        },
        body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
      });
    expect((await from('http://localhost:3000')).status).toBe(403);
    expect((await from('https://app.example.com')).status).toBe(200);
  });

  test('one tenant is answered so much at once, and another meanwhile', async () => {
    let release = () => {};
    const held = new Promise<never>((_, reject) => {
      release = () => reject(new Problem(422, 'not-analysed', 'Released.'));
    });
    const asked: string[] = [];
    const analyse = (payload: unknown) => {
      asked.push(JSON.stringify(payload));
      return held;
    };
    const busy = await startPlatform({ signup: true }, false, { analyse, formats: ['otlp'] });
    const tenants = await Promise.all(['a', 'b'].map((name) => busy.ask('POST', '/auth/tenants', { name })));
    const [a, b] = tenants.map(({ body }) => body.api_key) as [string, string];
    const ask = (key: string, name: string, args: object) =>
      fetch(`${busy.url}/mcp`, {
        method: 'POST',
        headers: { ...json, authorization: `Bearer ${key}` },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } }),
      });
    const waiting = Array.from({ length: 16 }, () => ask(a, 'analyze_trace', { trace: {} }));
    await expect.poll(() => asked.length).toBe(16);
    const refused = await ask(a, 'list_agents', {});
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect((await ask(b, 'list_agents', {})).status).toBe(200);
    release();
    for (const one of waiting) await (await one).text();
    await expect.poll(async () => (await ask(a, 'list_agents', {})).status).toBe(200);
    await busy.stop();
  });
});
