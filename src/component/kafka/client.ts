/**
 * What the Kafka receiver and exporter have in common: how a broker is reached, and the package that does it. It is a peer of
 * misstep's, installed by whoever has a Kafka, and loaded when a component of the configuration asks for it.
 */
import { z } from 'zod';
import { secret } from '../../../config/secret.ts';
import { type ClientTls, clientTls, clientTlsOptions } from '../../../config/tls.ts';
import { duration } from '../../../config/units.ts';

/** Host and port; an IPv6 address stands in brackets. */
const BROKER = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/;
/** Kafka's own rule. */
const TOPIC = /^[A-Za-z0-9._-]{1,249}$/;

export function topicName() {
  return z.string().regex(TOPIC, 'not a topic: letters, digits, dot, underscore and dash, at most 249 of them.');
}

const encodings = ['otlp_proto', 'otlp_json'] as const;
export type Encoding = (typeof encodings)[number];

export const brokerOptions = {
  brokers: z
    .array(z.string().regex(BROKER, 'not a broker: write host:port.'))
    .min(1, 'needs at least one broker.')
    .default(['localhost:9092'])
    .describe('Where the cluster is found; the rest of it is learnt from there.'),
  client_id: z.string().regex(/^\S+$/, 'must not be empty or have spaces.').default('misstep'),
  timeout: duration('10s', { min: '1ms' }).describe('For one request to a broker.'),
  auth: z
    .strictObject({
      sasl: z
        .strictObject({
          username: z.string().min(1),
          password: secret(),
          mechanism: z.enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']),
        })
        .optional(),
    })
    .prefault({}),
  tls: clientTls().prefault({ insecure: true }).describe('Absent: plain text. `tls: {}`: verified with the roots of Node.'),
};

const topic = (fallback: string) =>
  z.strictObject({ topic: topicName().default(fallback), encoding: z.enum(encodings).default('otlp_proto') }).prefault({});

/** A topic for each signal; the names are the Collector's. */
export const topicOptions = { traces: topic('otlp_spans'), metrics: topic('otlp_metrics'), logs: topic('otlp_logs') };

export interface BrokerOptions {
  readonly brokers: readonly string[];
  readonly client_id: string;
  readonly timeout: number;
  readonly auth: {
    readonly sasl?:
      | {
          readonly username: string;
          readonly password: { reveal(): string };
          readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
        }
      | undefined;
  };
  readonly tls: ClientTls;
}

/** The package; throws what to do if it is not there. */
export async function loadKafka(): Promise<typeof import('@platformatic/kafka')> {
  return import('@platformatic/kafka').catch((cause: unknown) => {
    throw new Error('the package @platformatic/kafka is not installed. Run npm install @platformatic/kafka@~1.35.0.', {
      cause,
    });
  });
}

/** Of any client of the package. Reads the certificates; throws when one cannot be read. */
export function connection({ brokers, client_id, timeout, auth: { sasl }, tls }: BrokerOptions) {
  return {
    clientId: client_id,
    bootstrapBrokers: [...brokers],
    connectTimeout: timeout,
    requestTimeout: timeout,
    ...(tls.insecure ? {} : { tls: clientTlsOptions(tls), tlsServerName: tls.server_name_override ?? true }),
    ...(sasl === undefined
      ? {}
      : { sasl: { mechanism: sasl.mechanism, username: sasl.username, password: sasl.password.reveal() } }),
  };
}

/** The error and all that it was made of, which is where the broker's answer stands. Bounded: they may be nested in a circle. */
export function causesOf(error: unknown): Error[] {
  const found: Error[] = [];
  const open: unknown[] = [error];
  for (let one = open.shift(); one !== undefined && found.length < 32; one = open.shift()) {
    if (!(one instanceof Error) || found.includes(one)) continue;
    found.push(one);
    if (one instanceof AggregateError) open.push(...one.errors);
    if (one.cause !== undefined) open.push(one.cause);
  }
  return found;
}

/** What the broker or the network said, without what was wrapped around it. */
export function reasonOf(error: unknown): string {
  const causes = causesOf(error);
  const last = causes.at(-1);
  if (last === undefined) return String(error);
  const api = 'apiId' in last ? `${String(last.apiId)}: ` : '';
  return `${api}${last.message}`;
}
