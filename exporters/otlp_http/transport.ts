/** OTLP over `node:http`: keep-alive connections, bodies written as the chunks they are, no redirects. */
import http from 'node:http';
import https from 'node:https';
import { createSecureContext } from 'node:tls';
import { clientTlsOptions } from '../../config/tls.ts';
import { type Batch, bodyOf, type Signal } from '../../src/batch/batch.ts';
import { clientAuth } from '../../src/component/auth.ts';
import type { Host } from '../../src/component/component.ts';
import { messageOf, type Transport, writable } from '../../src/component/delivery.ts';
import type { Attempt, Outcome } from '../../src/component/retry.ts';
import { isLoopback } from '../../src/component/transport/endpoint.ts';
import { lookupOutside } from '../../src/component/transport/guard.ts';
import { followTls } from '../../src/component/transport/reload.ts';
import { protobufToJson } from '../../src/otlp/json.ts';
import { type Answer, outcomeOf } from './answer.ts';
import { compressors } from './compress.ts';
import type { Options } from './options.ts';

/** More of an answer is not read (as the Collector). */
const MAX_ANSWER_BYTES = 65_536;
/** A kept connection that the peer has just closed says nothing about the backend: try others before it counts as a failure. */
const STALE_TRIES = 3;

interface Target {
  readonly secure: boolean;
  readonly options: http.RequestOptions;
  readonly headers: Readonly<Record<string, string>>;
  readonly encoding: string | undefined;
}

interface Encoded {
  readonly chunks: readonly Uint8Array[];
  readonly length: number;
}

/** What became of one exchange, before it is judged. */
type Exchange = { readonly answer: Answer } | { readonly error: Error; readonly stale: boolean };

/** Throws when a certificate cannot be read. */
export function connectHttp(options: Options, host: Host): Transport {
  return new HttpTransport(options, host);
}

class HttpTransport implements Transport {
  private readonly options: Options;
  private readonly host: Host;
  private readonly agents: { readonly plain: http.Agent; readonly secure: https.Agent };
  private readonly targets: Readonly<Record<Signal, Target | undefined>>;
  private readonly live = new Set<http.ClientRequest>();
  private readonly auth: ReturnType<typeof clientAuth>;
  private readonly unfollow: () => void;
  private closed = false;

  constructor(options: Options, host: Host) {
    this.options = options;
    this.host = host;
    this.auth = clientAuth(options.auth, host);
    const pool = {
      keepAlive: !options.disable_keep_alives,
      maxFreeSockets: options.max_idle_conns,
      ...(options.max_conns_per_host > 0 ? { maxSockets: options.max_conns_per_host } : {}),
      ...(options.idle_conn_timeout > 0 ? { timeout: options.idle_conn_timeout } : {}),
    };
    this.agents = { plain: new http.Agent(pool), secure: new https.Agent({ ...pool, ...clientTlsOptions(options.tls) }) };
    this.unfollow = followTls(options.tls, host, () => {
      const fresh = clientTlsOptions(options.tls);
      createSecureContext(fresh);
      // Connections that are open go on as they are; the pool keeps those of other certificates apart.
      Object.assign(this.agents.secure.options, fresh);
    });
    this.targets = {
      traces: this.target('traces', options.traces_endpoint),
      metrics: this.target('metrics', options.metrics_endpoint),
      logs: this.target('logs', options.logs_endpoint),
    };
  }

  request(batch: Batch): Attempt {
    const target = this.targets[batch.signal];
    if (target === undefined) {
      const message = `no endpoint for ${batch.signal}. Set endpoint or ${batch.signal}_endpoint.`;
      return async () => ({ kind: 'permanent', message, status: 12 });
    }
    let encoded: Encoded | Promise<Encoded> = this.encode(batch, target);
    return async () => {
      if (encoded instanceof Promise) encoded = await encoded;
      return this.attempt(batch.signal, target, encoded);
    };
  }

  close(): void {
    this.closed = true;
    this.unfollow();
    for (const request of [...this.live]) request.destroy(new Error('the exporter was stopped'));
    this.agents.plain.destroy();
    this.agents.secure.destroy();
  }

  private target(signal: Signal, own: string | undefined): Target | undefined {
    const { endpoint, compression, encoding, headers } = this.options;
    if (own === undefined && endpoint === undefined) return undefined;
    const url = new URL(own ?? `${endpoint?.replace(/\/+$/, '')}/v1/${signal}`);
    const secure = url.protocol === 'https:';
    const hostname = url.hostname.replace(/^\[|\]$/g, '');
    const wanted = compression ?? (isLoopback(hostname) ? 'none' : 'gzip');
    const contentEncoding = wanted === 'none' || wanted === '' ? undefined : wanted;
    const credentials =
      url.username === '' ? {} : { auth: `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}` };
    return {
      secure,
      encoding: contentEncoding,
      headers: {
        'content-type': encoding === 'json' ? 'application/json' : 'application/x-protobuf',
        'user-agent': `misstep/${this.host.buildVersion}`,
        ...(contentEncoding === undefined ? {} : { 'content-encoding': contentEncoding }),
        ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value.reveal()])),
      },
      options: {
        method: 'POST',
        agent: secure ? this.agents.secure : this.agents.plain,
        hostname,
        ...(this.options.allow_link_local ? {} : { lookup: lookupOutside(['link-local']) }),
        port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
        path: url.pathname + url.search,
        ...credentials,
      },
    };
  }

  private encode(batch: Batch, { encoding }: Target): Encoded | Promise<Encoded> {
    const compress = encoding === undefined ? undefined : compressors[encoding];
    if (this.options.encoding === 'json') {
      const text = Buffer.from(protobufToJson(batch.signal, bodyOf(batch)));
      return compress === undefined ? whole(text) : compress(text, this.options.compression_params.level).then(whole);
    }
    if (compress === undefined) return { chunks: writable(batch), length: batch.bytes };
    return compress(bodyOf(batch), this.options.compression_params.level).then(whole);
  }

  private async attempt(signal: Signal, target: Target, encoded: Encoded): Promise<Outcome> {
    for (let i = 1; ; i++) {
      const exchange = await this.exchange(target, encoded);
      if ('answer' in exchange) return outcomeOf(signal, exchange.answer, this.host.clock.now());
      if (exchange.stale && i < STALE_TRIES && !this.closed) continue;
      return { kind: 'retry', message: messageOf(exchange.error), retryAfterMs: 0 };
    }
  }

  private exchange({ secure, options, headers }: Target, { chunks, length }: Encoded): Promise<Exchange> {
    return new Promise((resolve) => {
      if (this.closed) {
        resolve({ error: new Error('the exporter was stopped'), stale: false });
        return;
      }
      const shown = this.auth === undefined ? {} : this.auth()?.headers();
      if (shown === undefined) {
        resolve({ error: new Error('the authenticator does not run'), stale: false });
        return;
      }
      const { timeout } = this.options;
      const request = (secure ? https : http).request({
        ...options,
        headers: { ...headers, ...shown, 'content-length': length },
      });
      let late: NodeJS.Timeout | undefined;
      let settled = false;
      let answering = false;
      const settle = (exchange: Exchange) => {
        if (settled) return;
        settled = true;
        clearTimeout(late);
        this.live.delete(request);
        resolve(exchange);
      };
      this.live.add(request);
      if (timeout > 0) late = setTimeout(() => request.destroy(new Error(`no answer within ${timeout} ms`)), timeout);
      request.on('response', (response) => {
        answering = true;
        readAnswer(response, (answer) => settle({ answer }));
      });
      // After a response its own end counts: a backend may answer before it has read the whole body, and close.
      request.on('error', (error: NodeJS.ErrnoException) => {
        if (!answering) settle({ error, stale: request.reusedSocket && isReset(error) });
      });
      request.on('close', () => {
        if (!answering) settle({ error: new Error('the connection was closed'), stale: request.reusedSocket });
      });
      request.cork();
      for (const chunk of chunks) request.write(chunk);
      request.end();
    });
  }
}

function readAnswer(response: http.IncomingMessage, done: (answer: Answer) => void): void {
  const chunks: Buffer[] = [];
  let length = 0;
  response.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= MAX_ANSWER_BYTES) chunks.push(chunk);
  });
  // A body that breaks off does not take back the status.
  response.on('error', () => {});
  response.on('close', () => {
    done({
      status: response.statusCode ?? 0,
      contentType: response.headers['content-type'],
      retryAfter: response.headers['retry-after'],
      body: length <= MAX_ANSWER_BYTES ? Buffer.concat(chunks) : new Uint8Array(0),
    });
  });
}

function whole(body: Uint8Array): Encoded {
  return { chunks: [body], length: body.length };
}

function isReset(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ECONNRESET' || error.code === 'EPIPE';
}
