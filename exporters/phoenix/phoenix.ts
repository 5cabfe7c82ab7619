/**
 * Puts findings into Phoenix as annotations of the span they are about. An annotation's identifier is the detection's id, so a finding
 * that is sent again overwrites its annotation; one that grows may have moved to another span, so the former is deleted first; one that
 * is withdrawn is deleted.
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

/** Some 3 KB each: a request of 300 KB. */
const MAX_ANNOTATIONS = 100;

const options = z
  .strictObject({
    endpoint: apiEndpoint().default('http://localhost:6006'),
    api_key: secret().optional().describe('Where Phoenix asks for one; best from the environment.'),
    project: z
      .string()
      .regex(/^[^/?#]+$/, 'not a project: it has /, ? or #')
      .default('default')
      .describe('Of spans whose resource has no openinference.project.name, where annotations are deleted.'),
    ...scoreOptions(MAX_ANNOTATIONS),
  })
  .superRefine(({ endpoint, allow_link_local, api_key }, ctx) => {
    checkEndpoint(endpoint, allow_link_local, ctx);
    if (api_key !== undefined) checkKey(api_key, ['api_key'], ctx);
  });
type Options = z.output<typeof options>;

export const factory: ExporterFactory<typeof options> = {
  kind: 'exporter',
  type: 'phoenix',
  stability: 'alpha',
  summary: 'Puts findings into Phoenix as annotations of the span they are about.',
  signals: ['logs'],
  options,
  create: (id, value, hints) =>
    scoreExporter(id, value, hints, {
      endpoint: value.endpoint,
      headers: headersOf(value),
      check: { 401: 'Check api_key.', 403: 'Check that api_key may write.' },
      calls: (batch) => callsFor(bodyOf(batch), value.project),
    }),
};

function headersOf({ headers, api_key }: Options): Readonly<Record<string, Secret>> {
  return api_key === undefined ? headers : { ...headers, authorization: new Secret(`Bearer ${api_key.reveal()}`) };
}

function callsFor(body: Uint8Array, project: string): Calls {
  const { findings, others } = loggedFindings(body);
  const said = findings.filter(({ withdrawn }) => !withdrawn);
  const calls = findings.flatMap((finding): Call[] => {
    if (finding.withdrawn) return [{ ...deletion(finding, project), items: 1 }];
    return finding.revision > 0 ? [{ ...deletion(finding, project), items: 0 }] : [];
  });
  if (said.length > 0) {
    // Not `sync`: Phoenix then keeps an annotation whose span it has yet to get.
    calls.push({ method: 'POST', path: '/v1/span_annotations', body: { data: said.map(annotation) }, items: said.length });
  }
  return { calls, refused: others, reason: NO_FINDINGS };
}

/** A project that Phoenix does not know has nothing to delete. */
function deletion({ id, resource }: LoggedFinding, project: string) {
  const named = resource.get('openinference.project.name');
  const where = encodeURIComponent(typeof named === 'string' && named !== '' ? named : project);
  // Without `delete_all` Phoenix wants a span of time besides; `identifier` narrows it to this one.
  const path = `/v1/projects/${where}/span_annotations?identifier=${id}&annotator_kind=CODE&delete_all=true`;
  return { method: 'DELETE' as const, path, gone: [404] };
}

function annotation(finding: LoggedFinding) {
  return {
    span_id: finding.spanId,
    name: finding.detector,
    annotator_kind: 'CODE',
    result: { label: 'fail', score: finding.confidence, explanation: finding.explanation },
    metadata: metadataOf(finding),
    identifier: finding.id,
  };
}
