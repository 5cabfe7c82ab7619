/**
 * Asks a language model about findings in the grey zone. Off unless it is configured and `detect` names it.
 *
 * Law:
 * - A question is answered, or refused with a counted reason; nothing waits for it, nothing rejects, everything is bounded.
 * - No call is made before its money is reserved; see `Purse`.
 * - What goes out is what `promptOf` makes; what comes back counts only as `parseAnswer` reads it.
 * - A call is traced as a span `chat <model>` where the process has a tracer provider; it holds no text.
 */
import { randomBytes } from 'node:crypto';
import type { Span, Tracer } from '@opentelemetry/api';
import type { Component, Counter, ExtensionFactory, Host } from '../../src/component/component.ts';
import { retryAfterMs } from '../../src/component/retry.ts';
import { Blocked, lookupOutside, requestGuarded, TooLarge } from '../../src/component/transport/guard.ts';
import type { Finding } from '../../src/detector/finding.ts';
import type { Judge, Question, Verdict } from '../../src/detector/judge.ts';
import { type Answer, parseAnswer } from './answer.ts';
import { Breaker } from './breaker.ts';
import { costOf, mostCost, type Price, Purse } from './money.ts';
import { type Options, options } from './options.ts';
import { priceOf } from './prices.ts';
import { type Prompt, promptOf } from './prompt.ts';
import { appendRecorded, readRecorded } from './record.ts';
import { Slots } from './slots.ts';
import { type Api, apis, type Said } from './wire.ts';

/** An answer of 1,000 tokens with all that a provider adds is below 20 KB. */
const MAX_ANSWER_BYTES = 256 * 1024;
/** The connection was not made: nothing was sent that could cost. */
const UNSENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'CERT_HAS_EXPIRED']);

export const factory: ExtensionFactory<typeof options> = {
  kind: 'extension',
  type: 'judge',
  stability: 'alpha',
  summary: 'Asks a language model about findings of which the detectors are not sure, for `detect`.',
  options,
  create: (id, value) => new ModelJudge(id, value),
};

/** How a call ended; `answered` with status 200 and a body. */
type Ended =
  | { readonly kind: 'answered'; readonly said: Said }
  /** `free`: the provider takes nothing for it. */
  | { readonly kind: 'failed'; readonly why: string; readonly free: boolean; readonly retryMs?: number };

class ModelJudge implements Component, Judge {
  readonly detectors: readonly string[];
  readonly excerpts: number;
  readonly #id: string;
  readonly #options: Options;
  readonly #api: Api;
  readonly #url: URL;
  readonly #price: Price;
  readonly #purse: Purse;
  readonly #breaker = new Breaker();
  readonly #slots: Slots;
  /** By the hash of the question; least recently used first. */
  readonly #answers = new Map<string, Answer>();
  /** Reasons, outcomes and statuses are few. */
  readonly #counters = new Map<string, Counter>();
  readonly #stop = new AbortController();
  #writing: Promise<void> = Promise.resolve();
  #host: Host | undefined;
  #tracer: Tracer | undefined;

  constructor(id: string, value: Options) {
    this.#id = id;
    this.#options = value;
    this.detectors = [...value.detectors, ...value.always];
    this.excerpts = value.excerpts;
    this.#api = apis[value.provider];
    this.#url = new URL(`${(value.endpoint ?? this.#api.endpoint).replace(/\/+$/, '')}${this.#api.path}`);
    this.#price = priceOf(value.model, value.prices) as Price;
    this.#purse = new Purse(value.max_cost_per_day);
    this.#slots = new Slots(value.concurrency);
  }

  async start(host: Host): Promise<void> {
    this.#host = host;
    const { trace } = await import('@opentelemetry/api');
    this.#tracer = trace.getTracer('misstep', host.buildVersion);
    await this.#recall(host);
    host.status({ state: 'ok' });
  }

  async shutdown(): Promise<void> {
    this.#stop.abort();
    this.#slots.end();
    await this.#writing;
  }

  wants({ id, detector, confidence }: Finding): boolean {
    const { detectors, always, grey_zone, sample } = this.#options;
    const named = detectors.length === 0 || detectors.includes(detector);
    if (!always.includes(detector) && !(named && confidence >= grey_zone[0] && confidence < grey_zone[1])) return false;
    return Number.parseInt(id.slice(0, 8), 16) / 2 ** 32 < sample;
  }

  async ask(question: Question): Promise<Verdict | undefined> {
    try {
      return await this.#answer(question);
    } catch (error) {
      const why = error instanceof Error ? error.message : 'unknown';
      this.#host?.logger.log('error', 'A question to the judge failed.', { error: why });
      return this.#refuse('error');
    }
  }

  async #answer(question: Question): Promise<Verdict | undefined> {
    const host = this.#host;
    if (host === undefined || this.#stop.signal.aborted) return this.#refuse('stopped');
    // Never a verdict without evidence.
    if (question.milestones.length === 0) return this.#refuse('no_evidence');
    const prompt = promptOf(question, this.excerpts, randomBytes(16).toString('hex'));
    const known = this.#answers.get(prompt.hash);
    if (known !== undefined) {
      this.#count('misstep_judge_cached', {}, 'Questions that had been asked before.');
      this.#remember(prompt.hash, known);
      return this.#give(question.finding, prompt, known, 0);
    }
    if (!(await this.#slots.take())) return this.#refuse(this.#stop.signal.aborted ? 'stopped' : 'queue');
    try {
      return await this.#call(host, question.finding, prompt);
    } finally {
      this.#slots.give();
    }
  }

  async #call(host: Host, finding: Finding, prompt: Prompt): Promise<Verdict | undefined> {
    const { max_tokens, model, provider } = this.#options;
    const most = mostCost(this.#price, prompt.bytes, max_tokens);
    if (!this.#breaker.lets(host.clock.monotonic())) return this.#refuse('breaker');
    const reservation = this.#purse.reserve(finding.tenant, most, host.clock.now());
    if (reservation === undefined) {
      this.#breaker.abandoned();
      return this.#refuse('money');
    }
    const span = this.#tracer?.startSpan(`chat ${model}`, { kind: 2, attributes: this.#attributes(finding) });
    const ended = await this.#post(prompt);
    const { text, usage } = ended.kind === 'answered' ? ended.said : { text: undefined, usage: undefined };
    const free = ended.kind === 'failed' && ended.free;
    const usd = free ? 0 : costOf(this.#price, usage, prompt.bytes, max_tokens);
    this.#purse.settle(reservation, usd);
    const answer = text === undefined ? undefined : parseAnswer(text, prompt.spanIds.length);
    const outcome = ended.kind === 'failed' ? ended.why : answer === undefined ? 'malformed' : 'ok';
    this.#count('misstep_judge_calls', { outcome }, 'Calls of the model.');
    this.#count('misstep_judge_cost_usd', { provider, model }, 'What they cost by the prices in force, US dollars.', usd);
    this.#end(span, outcome, usage);
    this.#tell(host, ended, outcome);
    if (answer === undefined) {
      if (usd > 0) this.#record(finding, prompt, undefined, usd);
      return undefined;
    }
    this.#remember(prompt.hash, answer);
    return this.#give(finding, prompt, answer, usd);
  }

  async #post(prompt: Prompt): Promise<Ended> {
    const { api_key, model, max_tokens, timeout, allow_link_local, endpoint } = this.#options;
    const own = endpoint === undefined || this.#url.hostname === 'api.openai.com';
    try {
      const { status, headers, body } = await requestGuarded(this.#url.href, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': `misstep/${this.#host?.buildVersion}`,
          ...this.#api.headers(api_key?.reveal()),
        },
        body: Buffer.from(JSON.stringify(this.#api.body(prompt, model, max_tokens, own))),
        allow: [this.#url.host, this.#url.hostname],
        timeoutMs: timeout,
        maxBytes: MAX_ANSWER_BYTES,
        // The key and the question are for this endpoint.
        maxRedirects: 0,
        signal: this.#stop.signal,
        ...(allow_link_local ? {} : { lookup: lookupOutside(['link-local']) }),
      });
      if (status === 200) return { kind: 'answered', said: this.#api.read(parsed(body)) };
      const retryMs = retryAfterMs(headers['retry-after'], this.#host?.clock.now() ?? 0);
      return { kind: 'failed', why: `status_${status}`, free: true, retryMs };
    } catch (error) {
      if (error instanceof TooLarge) return { kind: 'failed', why: 'too_large', free: false };
      if (error instanceof Blocked) return { kind: 'failed', why: 'blocked', free: true };
      const { code = '', name } = error as NodeJS.ErrnoException;
      if (name === 'AbortError' || name === 'TimeoutError' || code === 'ABORT_ERR')
        return { kind: 'failed', why: this.#stop.signal.aborted ? 'stopped' : 'timeout', free: false };
      return { kind: 'failed', why: 'unreachable', free: UNSENT.has(code) };
    }
  }

  /** The breaker, and whoever looks at /status. */
  #tell(host: Host, ended: Ended, outcome: string): void {
    if (outcome === 'ok') {
      this.#breaker.succeeded();
      host.status({ state: 'ok' });
      return;
    }
    if (outcome === 'stopped') {
      this.#breaker.abandoned();
      return;
    }
    this.#breaker.failed(host.clock.monotonic(), ended.kind === 'failed' ? ended.retryMs : 0);
    host.status({
      state: 'degraded',
      reason: `judge: ${this.#url.host} gives no answer that counts (${outcome}); findings stay as they are.`,
    });
  }

  #give(finding: Finding, prompt: Prompt, answer: Answer, usd: number): Verdict {
    const { provider, model, weight } = this.#options;
    this.#count('misstep_judge_verdicts', { verdict: answer.verdict }, 'Answers by what they say.');
    this.#record(finding, prompt, answer, usd);
    return { verdict: answer.verdict, reason: answer.reason, spanIds: spansOf(prompt, answer), provider, model, weight };
  }

  #record(finding: Finding, prompt: Prompt, answer: Answer | undefined, usd: number): void {
    const { verdicts: path, provider, model, weight } = this.#options;
    if (path === undefined) return;
    const record = {
      schema: 1 as const,
      time_unix_ms: this.#host?.clock.now() ?? 0,
      tenant: finding.tenant,
      finding: finding.id,
      detector: finding.detector,
      question: prompt.hash,
      verdict: answer?.verdict ?? null,
      reason: answer?.reason ?? null,
      steps: [...(answer?.steps ?? [])],
      span_ids: answer === undefined ? [] : spansOf(prompt, answer),
      ...{ provider, model, weight },
      cost_usd: usd,
    };
    this.#writing = this.#writing.then(() => appendRecorded(path, record)).catch((error: unknown) => this.#unwritten(error));
  }

  #unwritten(error: unknown): void {
    this.#count('misstep_judge_unrecorded', {}, 'Answers that could not be added to the file `verdicts`.');
    const why = (error as NodeJS.ErrnoException).code ?? 'unknown';
    this.#host?.status({ state: 'degraded', reason: `judge: answers cannot be added to the file verdicts (${why}).` });
  }

  /** Answers and costs of processes before this one. */
  async #recall(host: Host): Promise<void> {
    const { verdicts: path, model, provider } = this.#options;
    if (path === undefined) return;
    let unreadable = 0;
    let records: Awaited<ReturnType<typeof readRecorded>> = [];
    try {
      records = await readRecorded(path, () => unreadable++);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT') throw new Error(`judge: verdicts: ${path}: ${code ?? message}`, { cause: error });
    }
    if (unreadable > 0)
      host.logger.log('warn', 'Lines of the file of verdicts are none, and do not count.', { path, lines: unreadable });
    for (const one of records) {
      this.#purse.note(one.tenant, one.cost_usd, one.time_unix_ms, host.clock.now());
      if (one.verdict === null || one.reason === null || one.model !== model || one.provider !== provider) continue;
      this.#remember(one.question, { verdict: one.verdict, reason: one.reason, steps: one.steps });
    }
  }

  #remember(hash: string, answer: Answer): void {
    this.#answers.delete(hash);
    this.#answers.set(hash, answer);
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > this.#options.cache && oldest !== undefined) this.#answers.delete(oldest);
  }

  #refuse(reason: string): undefined {
    this.#count('misstep_judge_refused', { reason }, 'Questions that were not asked.');
    return undefined;
  }

  #count(name: string, labels: Readonly<Record<string, string>>, help: string, n = 1): void {
    const key = `${name} ${Object.values(labels).join(' ')}`;
    let counter = this.#counters.get(key);
    if (counter === undefined) {
      counter = this.#host?.meter.counter(name, { judge: this.#id, ...labels }, help);
      if (counter === undefined) return;
      this.#counters.set(key, counter);
    }
    counter.add(n);
  }

  #attributes({ detector }: Finding): Record<string, string | number> {
    const { provider, model, max_tokens } = this.#options;
    return {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': provider,
      'gen_ai.request.model': model,
      'gen_ai.request.max_tokens': max_tokens,
      'gen_ai.output.type': 'json',
      'server.address': this.#url.hostname,
      'server.port': Number(this.#url.port) || (this.#url.protocol === 'https:' ? 443 : 80),
      'gen_ai.evaluation.name': detector,
    };
  }

  #end(span: Span | undefined, outcome: string, usage: Said['usage']): void {
    if (usage !== undefined)
      span?.setAttributes({ 'gen_ai.usage.input_tokens': usage.input, 'gen_ai.usage.output_tokens': usage.output });
    if (outcome !== 'ok') {
      span?.setAttribute('error.type', outcome);
      span?.setStatus({ code: 2 });
    }
    span?.end();
  }
}

function spansOf({ spanIds }: Prompt, { steps }: Answer): string[] {
  return steps.flatMap((place) => spanIds[place] ?? []);
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return undefined;
  }
}
