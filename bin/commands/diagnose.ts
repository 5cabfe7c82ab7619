/** Why a detector has not fired: from the status of a running misstep, the first cause that holds. */
import type { DetectFacts, DetectorFacts } from '../../processors/detect/account.ts';
import type { StatusPage } from './status.ts';
import { supplies } from './supplies.ts';

export type Verdict =
  | 'fired'
  | 'off'
  | 'tier off'
  | 'no spans'
  | 'no agent spans'
  | 'suppressed'
  | 'below'
  | 'failed'
  | 'blind'
  | 'waiting'
  | 'nothing found';

export interface Diagnosis {
  readonly detector: string;
  readonly verdict: Verdict;
  /** One sentence. */
  readonly cause: string;
  /** What to do, if anything; one sentence each. */
  readonly todo: readonly string[];
}

/** `processor` is the key of the status page, `processor:<id>@<pipeline>`. */
export function diagnose(page: StatusPage, processor: string, detector: string): Diagnosis {
  const detect = page.detect?.[processor] as DetectFacts;
  const facts = detect.detectors[detector] as DetectorFacts;
  const said = (verdict: Verdict, cause: string, ...todo: string[]): Diagnosis => ({ detector, verdict, cause, todo });
  const { windows } = facts;
  const option = `processors.${/^processor:(.*)@/.exec(processor)?.[1] ?? 'detect'}`;
  const looked = windows.fail + windows.pass;

  if (facts.state === 'off')
    return said('off', 'It is switched off.', `Take 'enabled: false' away at ${option}.detectors.${detector}.`);
  if (facts.state === 'tier_off') {
    const tiers = facts.tiers.join(', ');
    return said('tier off', `It speaks in tier ${tiers}, which does not run.`, `Add the tier at ${option}.tiers.`);
  }
  if (facts.handed_on > 0) return said('fired', `It has fired: ${count(facts.handed_on, 'finding')} handed on.`);
  if (detect.spans === 0) return said('no spans', 'No span has reached it.', ...noSpans(page));
  if (detect.steps === 0) {
    const seen = `${count(detect.spans, 'span')} passed, and none is a step of an agent.`;
    return said('no agent spans', seen, 'Instrument the agent: spans with gen_ai.*, OpenInference or OpenLLMetry attributes.');
  }
  if (facts.suppressed > 0)
    return said(
      'suppressed',
      `${count(facts.suppressed, 'finding')} held back by ${option}.suppress.`,
      'See its entries and dates.',
    );
  if (facts.below_emit_above > 0) {
    const best = facts.best_below?.toFixed(2) ?? '?';
    const cause = `${count(facts.below_emit_above, 'finding')} below emit_above ${detect.emit_above}; the surest had ${best}.`;
    return said('below', cause, `To see them lower ${option}.emit_above; 0.40 is where POSSIBLE begins.`);
  }
  if (looked === 0 && windows.error > 0)
    return said(
      'failed',
      `It failed and was switched off in ${count(windows.error, 'window')}: ${facts.error ?? 'no text'}.`,
      'This is a fault of the detector: report it.',
    );
  if (looked === 0 && windows.insufficient_data > 0) return said('blind', blind(facts), ...supplies(missing(facts)));
  const { open } = facts;
  if (looked === 0 && open.windows.insufficient_data > 0 && open.windows.pass + open.windows.fail === 0)
    return said('blind', blind(open, 'So far it is blind in', 'open window'), ...supplies(missing(facts)));
  if (looked === 0) {
    const cause = 'It has found nothing yet, and no window has closed: what shows only at the end comes then.';
    return said(
      'waiting',
      cause,
      `A trace ends soon after its root, a session when it is idle: see grace and idle at ${option}.`,
    );
  }
  const also = windows.insufficient_data > 0 ? ` ${blind(facts)}` : '';
  const failed = windows.error > 0 ? ` It failed in ${count(windows.error, 'window')}: ${facts.error ?? 'no text'}.` : '';
  const cause = `It looked at ${count(looked, 'window')} and found nothing.${also}${failed}`;
  return said('nothing found', cause, ...(also === '' ? [] : supplies(missing(facts))));
}

function noSpans({ receivers }: StatusPage): string[] {
  const taken = receivers.reduce((sum, { signal, accepted }) => sum + (signal === 'traces' ? accepted : 0), 0);
  const refused = receivers.reduce((sum, { signal, refused: n }) => sum + (signal === 'traces' ? n : 0), 0);
  if (taken > 0) return [`The receivers took ${count(taken, 'span')}: name this processor in the pipeline that they feed.`];
  if (refused > 0) return [`The receivers refused ${count(refused, 'span')}: see the log of misstep.`];
  return ['Point the exporter of the application or of the Collector at misstep: OTEL_EXPORTER_OTLP_ENDPOINT.'];
}

function blind(
  { windows, reasons }: Pick<DetectorFacts, 'windows' | 'reasons'>,
  how = 'It was blind in',
  where = 'window',
): string {
  const why = Object.entries(reasons)
    .sort(([, a], [, b]) => b - a)
    .map(([reason]) => reason)
    .slice(0, 2)
    .join('; ');
  return `${how} ${count(windows.insufficient_data, where)}: ${why}.`;
}

/** Facts named in `no tool.name, no tool.result`. */
function missing({ reasons, open, needs }: DetectorFacts): string[] {
  const text = Object.keys({ ...reasons, ...open.reasons })
    .join(', ')
    .split(', ');
  return needs.filter((need) => text.includes(`no ${need}`));
}

function count(n: number, what: string): string {
  return `${n.toLocaleString('en-US')} ${what}${n === 1 ? '' : 's'}`;
}
