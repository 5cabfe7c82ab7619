/**
 * Puts findings into Langfuse as scores of the observation they are about. A score's id is the detection's, so a finding that is sent
 * again or grows overwrites its score; one that is withdrawn is deleted.
 */
import { z } from 'zod';
import { Secret, secret } from '../../config/secret.ts';
import { bodyOf } from '../../src/batch/batch.ts';
import type { ExporterFactory } from '../../src/component/component.ts';
import {
  apiEndpoint,
  type Call,
  type Calls,
  checkEndpoint,
  checkKey,
  scoreExporter,
  scoreOptions,
} from '../../src/component/scores.ts';
import { type LoggedFinding, loggedFindings, metadataOf, NO_FINDINGS } from '../../src/detector/logged.ts';

/** One request a score (the endpoint for many is taken out of Langfuse Cloud); what a crash sends again stays small. */
const MAX_SCORES = 100;
const PATH = '/api/public/scores';
/** What Langfuse takes; a score of another environment than its trace's is not shown with it. */
const ENVIRONMENT = /^(?!langfuse)[a-z0-9_-]{1,40}$/;

const options = z
  .strictObject({
    endpoint: apiEndpoint().default('https://cloud.langfuse.com'),
    public_key: secret().describe('Of the project: pk-lf-…'),
    secret_key: secret().describe('Of the project: sk-lf-…; best from the environment.'),
    environment: z
      .string()
      .regex(ENVIRONMENT, 'not an environment: lower-case letters, digits, - and _, at most 40, not starting with langfuse')
      .optional()
      .describe("Of the scores. Default: that of the span's resource, as Langfuse reads it from OTLP."),
    ...scoreOptions(MAX_SCORES),
  })
  .superRefine(({ endpoint, allow_link_local, public_key, secret_key }, ctx) => {
    checkEndpoint(endpoint, allow_link_local, ctx);
    checkKey(public_key, ['public_key'], ctx);
    checkKey(secret_key, ['secret_key'], ctx);
  });
type Options = z.output<typeof options>;

export const factory: ExporterFactory<typeof options> = {
  kind: 'exporter',
  type: 'langfuse',
  stability: 'development',
  summary: 'Puts findings into Langfuse as scores of the observation they are about.',
  signals: ['logs'],
  options,
  create: (id, value, hints) =>
    scoreExporter(id, value, hints, {
      endpoint: value.endpoint,
      headers: headersOf(value),
      check: { 401: 'Check public_key and secret_key, and that they belong to the region of endpoint.' },
      calls: (batch) => callsFor(bodyOf(batch), value.environment),
    }),
};

function headersOf({ headers, public_key, secret_key }: Options): Readonly<Record<string, Secret>> {
  const basic = Buffer.from(`${public_key.reveal()}:${secret_key.reveal()}`).toString('base64');
  return { ...headers, authorization: new Secret(`Basic ${basic}`) };
}

function callsFor(body: Uint8Array, environment: string | undefined): Calls {
  const { findings, others } = loggedFindings(body);
  const calls = findings.map(
    (finding): Call =>
      finding.withdrawn
        ? { method: 'DELETE', path: `${PATH}/${finding.id}`, items: 1, gone: [404] }
        : { method: 'POST', path: PATH, body: score(finding, environment ?? environmentOf(finding)), items: 1 },
  );
  return { calls, refused: others, reason: NO_FINDINGS };
}

function score(finding: LoggedFinding, environment: string | undefined) {
  return {
    id: finding.id,
    traceId: finding.traceId,
    observationId: finding.spanId,
    name: finding.detector,
    value: finding.confidence,
    dataType: 'NUMERIC',
    comment: finding.explanation,
    metadata: metadataOf(finding),
    ...(environment === undefined ? {} : { environment }),
  };
}

/** The keys and their order are Langfuse's. */
function environmentOf({ resource }: LoggedFinding): string | undefined {
  const named =
    resource.get('langfuse.environment') ?? resource.get('deployment.environment.name') ?? resource.get('deployment.environment');
  return typeof named === 'string' && ENVIRONMENT.test(named) ? named : undefined;
}
