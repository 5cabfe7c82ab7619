import { expect, test } from 'vitest';
import { options } from './options.ts';

function problems(given: unknown): string[] {
  const result = options.safeParse(given);
  return result.success ? [] : result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const N8N = '/api/v1/n8n/webhook';

test('defaults: this machine only, no key', () => {
  expect(options.parse({})).toMatchObject({
    endpoint: 'localhost:4320',
    max_request_body_size: 20 * 1024 * 1024,
    signatures: {},
  });
});

test.each<[string, unknown, string[]]>([
  ['every interface', { endpoint: '0.0.0.0:4320' }, ['endpoint: other machines reach it, and nothing asks who sends']],
  ['every interface with an authenticator', { endpoint: ':4320', auth: { authenticator: 'bearertokenauth' } }, []],
  ['every interface when it says so', { endpoint: ':4320', insecure: true }, []],
  // The other paths are open still.
  [
    'every interface with one path signed',
    { endpoint: ':4320', signatures: { [N8N]: { langsmith: ['s'] } } },
    ['endpoint: other machines reach it, and nothing asks who sends'],
  ],
  ['a path that is none', { signatures: { '/x': { langsmith: ['s'] } } }, ['signatures./x: no path of a webhook']],
  ['a path of OTLP', { signatures: { '/v1/traces': { langsmith: ['s'] } } }, ['signatures./v1/traces: no path of a webhook']],
  ['no secret', { signatures: { [N8N]: {} } }, [`signatures.${N8N}: no secret. Add standard_webhooks or langsmith.`]],
  ['a signing secret', { signatures: { [N8N]: { standard_webhooks: [SECRET] } } }, []],
  [
    'half a signing secret',
    { signatures: { [N8N]: { standard_webhooks: [SECRET, SECRET.slice(6)] } } },
    [`signatures.${N8N}.standard_webhooks.1: not a signing secret. Copy it whole: whsec_ and base64.`],
  ],
  ['an unknown key', { cors: {} }, [': Unrecognized key: "cors"']],
  ['headers slower than requests', { read_timeout: '5s' }, ['read_header_timeout: longer than read_timeout']],
])('%s', (_name, given, expected) => {
  expect(problems(given)).toEqual(expected);
});
