/** A raw HTTP client for the tests of receivers. */
import { type OutgoingHttpHeaders, request } from 'node:http';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export interface Ask {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: OutgoingHttpHeaders;
  /** Several parts are sent chunked. */
  readonly body?: Uint8Array | readonly Uint8Array[];
}

export function ask(
  address: string,
  { method = 'POST', path = '/v1/traces', headers = {}, body: sent }: Ask,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const sending = request(
      `http://${address}${path}`,
      { method, headers: { 'content-type': 'application/x-protobuf', ...headers } },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) }),
        );
        response.on('error', reject);
      },
    );
    sending.on('error', reject);
    if (sent === undefined) sending.end();
    else if (sent instanceof Uint8Array) sending.end(sent);
    else {
      sending.flushHeaders();
      for (const part of sent) sending.write(part);
      sending.end();
    }
  });
}
