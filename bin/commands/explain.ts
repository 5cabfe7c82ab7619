/** `misstep explain`: what a detector's finding means, or a stored finding by its id. stdout = data, stderr = notices. */
import { type Command, InvalidArgumentError } from 'commander';
import { didYouMean } from '../../config/problem.ts';
import type { AnyDetector, MessageSpec } from '../../src/detector/detector.ts';
import { isObject, member } from '../../src/dialects/json.ts';
import { printable } from '../../src/text/printable.ts';
import { detectors } from '../detectors.ts';

interface ExplainOptions {
  readonly api?: string;
  readonly json?: boolean;
}

const ID = /^[0-9a-f]{32}$/;
const TIMEOUT_MS = 5_000;

export function register(program: Command): void {
  program
    .command('explain')
    .description('Say what a finding means, what it costs, what to do, and when it is wrong.')
    .argument('<what>', 'a detector (loop), one of its messages (loop/repeated), or the id of a finding (32 hex digits)')
    .option(
      '--api <url>',
      'where the API listens, for the id of a finding, e.g. http://127.0.0.1:8000 (or MISSTEP_API_URL)',
      address,
    )
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      '\nMISSTEP_API_KEY is sent as a bearer token.\nExit codes: 0 explained; 1 the API does not answer or does not know the id; 2 usage.\n\nExamples:\n  misstep explain loop/repeated\n  misstep explain 3914640adddf2ae5db0ec3254d33070d --api http://127.0.0.1:8000',
    )
    .action(async (what: string, options: ExplainOptions, command: Command) => {
      if (ID.test(what)) {
        const { MISSTEP_API_URL: given } = process.env;
        const api = options.api ?? (given === undefined || given === '' ? undefined : given);
        if (api === undefined)
          return command.error('error: the id of a finding needs --api, the address of the API, e.g. http://127.0.0.1:8000.', {
            exitCode: 2,
          });
        process.exitCode = await stored(what, api, options.json ?? false);
        return;
      }
      const [id = '', name, ...rest] = what.split('/');
      const detector = detectors.find(({ meta }) => meta.id === id);
      if (detector === undefined || rest.length > 0) {
        const known = detectors.map(({ meta }) => meta.id as string);
        return command.error(`error: unknown detector, ${printable(id)}. ${didYouMean(id, known)}`, { exitCode: 2 });
      }
      const messages = messagesOf(detector);
      if (name !== undefined && !Object.hasOwn(messages, name))
        return command.error(`error: ${id} has no message ${printable(name)}. It has: ${Object.keys(messages).join(', ')}.`, {
          exitCode: 2,
        });
      print(options.json ? JSON.stringify(facts(detector, name), null, 2) : page(detector, name).join('\n'));
    });
}

function address(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new InvalidArgumentError('Not a URL of http or https. Write for example http://127.0.0.1:8000.');
  return url.href.replace(/\/$/, '');
}

function messagesOf({ meta }: AnyDetector): Readonly<Record<string, MessageSpec>> {
  return meta.messages as Readonly<Record<string, MessageSpec>>;
}

function facts(detector: AnyDetector, name: string | undefined): object {
  const { id, docs } = detector.meta;
  const messages = messagesOf(detector);
  return { detector: id, ...docs, messages: name === undefined ? messages : { [name]: messages[name] } };
}

function page(detector: AnyDetector, name: string | undefined): string[] {
  const { id, docs } = detector.meta;
  const messages = Object.entries(messagesOf(detector)).filter(([one]) => name === undefined || one === name);
  return [
    ...messages.flatMap(([one, { text, severity, impact, action }]) => [
      `${id}/${one} (${severity}): ${text}`,
      `  Costs: ${impact}`,
      `  Do: ${action}`,
    ]),
    '',
    `What: ${docs.what}`,
    `Why: ${docs.why}`,
    `Fix: ${docs.fix}`,
    `Wrong when: ${docs.limits}`,
  ];
}

/** Exit code. */
async function stored(id: string, api: string, json: boolean): Promise<number> {
  const { MISSTEP_API_KEY: key } = process.env;
  const url = `${api.replace(/\/$/, '')}/api/v1/detections/${id}`;
  let response: Response;
  try {
    const headers = key === undefined || key === '' ? {} : { authorization: `Bearer ${key}` };
    response = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    const { cause } = error as { readonly cause?: { readonly code?: string; readonly message?: string } };
    return failed(
      `${api} does not answer (${cause?.code ?? cause?.message ?? (error as Error).name}). Start 'misstep run --config config/platform.yaml'.`,
    );
  }
  const body: unknown = await response.json().catch(() => undefined);
  if (response.status === 404) return failed(`no finding ${id} there. It may be of another tenant, or its time is over.`);
  if (response.status === 401 || response.status === 403) return failed('not allowed. Set MISSTEP_API_KEY to a key of the API.');
  if (!response.ok || !isObject(body))
    return failed(`${url} answers with ${response.status}, but not as the API of misstep does.`);
  if (json) {
    print(JSON.stringify(body, null, 2));
    return 0;
  }
  for (const line of described(body)) print(printable(line));
  return 0;
}

function described(body: object): string[] {
  const say = (key: string): string => String(member(body, key) ?? '-');
  const [type, message] = [say('detection_type'), say('message')];
  const detector = detectors.find(({ meta }) => meta.id === type);
  const spec = detector && Object.hasOwn(messagesOf(detector), message) ? messagesOf(detector)[message] : undefined;
  const evidence = member(body, 'evidence_span_ids');
  return [
    `${type}/${message} (${say('severity')}, ${say('confidence')} % ${say('confidence_tier')}): ${say('explanation')}`,
    `  Agent ${say('agent_id')}, span ${say('span_id')} of trace ${say('trace_id')}, session ${say('session_id')}`,
    `  Evidence: ${Array.isArray(evidence) && evidence.length > 0 ? evidence.join(', ') : '-'}`,
    `  Costs: ${spec?.impact ?? say('business_impact')}`,
    `  Do: ${spec?.action ?? say('suggested_action')}`,
    `  Judged: ${member(body, 'validated') === true ? (member(body, 'false_positive') === true ? 'wrong' : 'right') : 'not yet'}`,
    ...(detector === undefined ? [] : ['', `Why: ${detector.meta.docs.why}`, `Wrong when: ${detector.meta.docs.limits}`]),
  ];
}

function failed(text: string): number {
  process.stderr.write(`misstep explain: ${printable(text)}\n`);
  return 1;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
