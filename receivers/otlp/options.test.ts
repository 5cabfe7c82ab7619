import { describe, expect, test } from 'vitest';
import { options } from './options.ts';

const tls = { cert_file: 'c', key_file: 'k' };

function problems(protocols: unknown): string[] {
  const result = options.safeParse({ protocols });
  return result.success ? [] : result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

describe('accepts', () => {
  test.each([
    ['bare protocols', { grpc: {}, http: {} }],
    ['one of them', { http: {} }],
    [
      'what the benches write',
      { http: { endpoint: '127.0.0.1:4318' }, grpc: { endpoint: '127.0.0.1:4317', max_recv_msg_size_mib: 64 } },
    ],
    ['IPv6 loopback', { http: { endpoint: '[::1]:4318' } }],
    ['every interface when it says so', { http: { endpoint: '0.0.0.0:4318', insecure: true } }],
    ['every interface with an authenticator', { http: { endpoint: '0.0.0.0:4318', auth: { authenticator: 'a' } } }],
    ['every interface with client certificates', { grpc: { endpoint: ':4317', tls: { ...tls, client_ca_file: 'ca' } } }],
  ])('%s', (_name, protocols) => {
    expect(problems(protocols)).toEqual([]);
  });
});

test('defaults', () => {
  const { protocols } = options.parse({ protocols: { grpc: {}, http: {} } });
  expect(protocols.grpc).toMatchObject({ endpoint: 'localhost:4317', max_recv_msg_size_mib: 64, include_metadata: false });
  expect(protocols.http).toMatchObject({
    endpoint: 'localhost:4318',
    traces_url_path: '/v1/traces',
    max_request_body_size: 20 * 1024 * 1024,
    read_header_timeout: 10_000,
  });
});

describe('refuses', () => {
  test.each<[string, unknown, string]>([
    ['no protocol', {}, 'protocols: must specify at least one protocol when using the OTLP receiver'],
    ['every interface', { http: { endpoint: '0.0.0.0:4318' } }, 'protocols.http.endpoint: other machines reach it'],
    ['every interface, short', { grpc: { endpoint: ':4317' } }, 'protocols.grpc.endpoint: other machines reach it'],
    [
      'every interface with TLS that asks for nobody',
      { grpc: { endpoint: '[::]:4317', tls } },
      'protocols.grpc.endpoint: other machines',
    ],
    [
      'a name that other machines may have',
      { grpc: { endpoint: 'example.test:4317' } },
      'protocols.grpc.endpoint: other machines',
    ],
    ['a port out of range', { http: { endpoint: 'localhost:70000' } }, 'protocols.http.endpoint: must be host:port'],
    ['a URL', { http: { endpoint: 'http://localhost:4318' } }, 'protocols.http.endpoint: must be host:port'],
    ['authentication by nobody', { http: { auth: {} } }, 'protocols.http.auth.authenticator: Invalid input'],
    ['two signals on one path', { http: { logs_url_path: '/v1/traces' } }, 'protocols.http: two signals have the same path.'],
    ['a path with a query', { http: { logs_url_path: '/v1?x' } }, 'protocols.http.logs_url_path: must be a path'],
    [
      'headers slower than requests',
      { http: { read_timeout: '1s', read_header_timeout: '2s' } },
      'protocols.http.read_header_timeout: longer',
    ],
  ])('%s', (_name, protocols, said) => {
    expect(problems(protocols)).toHaveLength(1);
    expect(problems(protocols)[0]).toContain(said);
  });
});

test('the refusal says which line lifts it', () => {
  const result = options.safeParse({ protocols: { http: { endpoint: '0.0.0.0:4318' } } });
  expect(JSON.stringify(result.error?.issues)).toContain("'insecure: true'");
});
