/**
 * One request from its head to its answer. Path, method, sender, media type, encoding and size are looked at before a
 * byte of the body is read; the answer waits for the pipeline's.
 */
import type { Host } from '../../src/component/component.ts';
import { readBody } from '../../src/component/transport/body.ts';
import { UNAVAILABLE } from '../../src/component/transport/code.ts';
import { encodings, type Inflate, inflateOf, isIdentity } from '../../src/component/transport/content.ts';
import { type Exchange, mediaType, pathOf } from '../../src/component/transport/http-server.ts';
import type { Intake } from '../../src/component/transport/intake.ts';
import { WireError } from '../../src/otlp/error.ts';
import { compileKeys } from '../../src/otlp/keys.ts';
import { spanReader } from '../../src/otlp/span.ts';
import { walkTraces } from '../../src/otlp/traces.ts';
import { keysOf } from './credentials.ts';
import { answerWithin, type Decide } from './decide.ts';
import { Delivery, EMPTY_BODY, readingProblem } from './delivery.ts';
import type { Grading } from './grading.ts';
import { type Options, signingOf } from './options.ts';
import type { Problem } from './problem.ts';
import { mediaTypes, readPayload, shapeOf } from './reading.ts';
import type { Repeats } from './repeats.ts';
import { ingested } from './replies.ts';
import type { AdapterRoute, GradeRoute, OtlpRoute, Route } from './routes.ts';
import { isSigned, type Scheme, type Signing, schemeOf } from './signature.ts';
import { JSON_TYPE, PROTOBUF, Visit } from './visit.ts';

const IDEMPOTENCY_KEY = /^[\x20-\x7e]{1,255}$/;
const NO_KEYS = compileKeys([], [], []);
const NOTHING = Buffer.alloc(0);
const NO_DECISION = Buffer.from('{}');
/** Instead of what the request should have named and did not; it has been answered. */
const NONE = Symbol('none');

type Taken = ReturnType<Intake['take']>;

interface Signed {
  readonly signing: Signing;
  readonly tenant: string;
}

export function createHandler(
  options: Options,
  intake: Intake,
  repeats: Repeats,
  host: Host,
  id: string,
  table: ReadonlyMap<string, Route>,
  grading: Grading,
  decide: Decide | undefined,
): (exchange: Exchange) => void {
  const signatures = new Map<string, Signed>(
    Object.entries(options.signatures).map(([path, one]) => [path, { signing: signingOf(one), tenant: one.tenant }]),
  );
  const repeated = host.meter.counter(
    'misstep_receiver_repeated_requests',
    { receiver: id, transport: 'http' },
    'Deliveries that had been taken before; nothing was made of them again.',
  );

  return (exchange) => {
    const { request } = exchange;
    const url = request.url ?? '/';
    const path = pathOf(url);
    const visit = new Visit(exchange, path);
    const route = table.get(path);
    if (route === undefined) visit.refuse(unknownPath(table));
    else if (request.method !== 'POST') {
      visit.header('allow', 'POST');
      visit.refuse({ code: 'method-not-allowed', detail: 'Use POST.' });
    } else if (route.kind === 'otlp') receiveOtlp(visit, route);
    else if (route.kind === 'grade') receiveToGrade(visit, route, url.slice(path.length + 1));
    else receive(visit, route, url.slice(path.length + 1));
  };

  function receiveOtlp(visit: Visit, { status }: OtlpRoute): void {
    const { request } = visit.exchange;
    const type = mediaType(request.headers['content-type']);
    if (type === JSON_TYPE || type === PROTOBUF) visit.otlp = type;
    const tenant = admitted(visit, undefined);
    if (tenant === undefined) return;
    const inflate = inflateFor(visit);
    if (inflate === NONE) return;
    if (visit.otlp === undefined) {
      visit.refuse({ code: 'unsupported-media-type', detail: `Send ${JSON_TYPE} or ${PROTOBUF}.` });
      return;
    }
    const json = visit.otlp === JSON_TYPE;
    let answer: object = {};
    const convert = (given: Uint8Array) => {
      const body = json ? intake.fromJson('traces', given) : given;
      if (json && status === 202) answer = summary(body);
      return body;
    };
    read(visit, (body, bytes) => {
      const taken = intake.take({ signal: 'traces', body, inflate, convert, admitted: bytes, tenant, metadata: undefined });
      after(taken, (failure) => {
        if (failure !== undefined) visit.fail(failure);
        else if (json) visit.reply(status, Buffer.from(JSON.stringify(answer)));
        else visit.reply(status, NOTHING, PROTOBUF);
      });
    });
  }

  function receive(visit: Visit, route: AdapterRoute, query: string): void {
    const { headers } = visit.exchange.request;
    const signed = signatures.get(visit.path);
    const scheme = signed === undefined ? undefined : schemeFor(visit, signed);
    const tenant = signed === undefined ? admitted(visit, query) : signed.tenant;
    if (tenant === undefined || scheme === NONE) return;
    const inflate = inflateFor(visit);
    if (inflate === NONE) return;
    const shape = shapeOf(mediaType(headers['content-type']));
    if (shape === undefined) {
      visit.refuse({ code: 'unsupported-media-type', detail: `Send ${mediaTypes.join(' or ')}.` });
      return;
    }
    const own = headers['idempotency-key'];
    if (own !== undefined && (typeof own !== 'string' || !IDEMPOTENCY_KEY.test(own))) {
      visit.refuse({ code: 'bad-idempotency-key', detail: 'Idempotency-Key takes 1 to 255 visible characters.' });
      return;
    }
    const scope = `${tenant}\n${visit.path}`;
    const keys = own === undefined ? [] : [`${scope}\nkey\n${own}`];
    read(visit, (body, bytes) => {
      if (signed !== undefined && scheme !== undefined && !isSigned(scheme, headers, body, signed.signing)) {
        intake.release(bytes);
        intake.turnAway('unauthenticated');
        const detail = 'No signature in the header is one of this body by a secret of this path. Compare the secrets.';
        visit.refuse({ code: 'bad-signature', detail });
        return;
      }
      // Part of what is signed, so that a message that is played again is known by it.
      if (scheme === 'standard') keys.push(`${scope}\nid\n${headers['webhook-id']}`);
      // Who stands still gets the decision as soon as it is made, whatever becomes of the data.
      const asked = decide && route.answerWithinMs !== undefined ? new Asked(visit, decide, tenant) : undefined;
      const onPayload = asked && ((payload: unknown, repeated: boolean) => asked.about(payload, repeated));
      const arrived = { route, shape, tenant, receivedMs: host.clock.now(), keys, onPayload };
      const delivery = new Delivery(arrived, repeats, host.logger);
      const convert = (given: Uint8Array) => delivery.convert(given);
      const taken = intake.take({ signal: 'traces', body, inflate, convert, admitted: bytes, tenant, metadata: undefined });
      answer(visit, route, delivery, taken, asked);
    });
  }

  function receiveToGrade(visit: Visit, { format, adapter }: GradeRoute, query: string): void {
    const tenant = admitted(visit, query);
    if (tenant === undefined) return;
    const inflate = inflateFor(visit);
    if (inflate === NONE) return;
    const shape = shapeOf(mediaType(visit.exchange.request.headers['content-type']));
    if (shape === undefined) {
      visit.refuse({ code: 'unsupported-media-type', detail: `Send ${mediaTypes.join(' or ')}.` });
      return;
    }
    if (grading.full) {
      visit.fail({
        code: UNAVAILABLE,
        message: 'too many sessions wait for their grade. Send it again later',
        retryAfterMs: 1_000,
      });
      return;
    }
    let problem: Problem | undefined;
    let begun: { readonly done: Promise<object> } | undefined;
    const convert = (given: Uint8Array) => {
      try {
        const payload = readPayload(given, shape);
        begun = grading.begin(payload, adapter.convert(payload, host.clock.now()));
      } catch (error) {
        problem = readingProblem(error, format, host.logger);
        throw error instanceof WireError ? error : new WireError(problem.detail);
      }
      return NOTHING;
    };
    read(visit, (body, bytes) => {
      const taken = intake.take({ signal: 'traces', body, inflate, convert, admitted: bytes, tenant, metadata: undefined });
      after(taken, (failure) => {
        if (problem !== undefined) visit.refuse(problem);
        else if (failure !== undefined) visit.fail(failure);
        else if (begun === undefined) visit.refuse(EMPTY_BODY);
        else
          begun.done.then(
            (verdict) => visit.reply(200, Buffer.from(JSON.stringify(verdict))),
            (error: unknown) => visit.refuse(readingProblem(error, format, host.logger)),
          );
      });
    });
  }

  function answer(
    visit: Visit,
    { answerWithinMs }: AdapterRoute,
    delivery: Delivery,
    taken: Taken,
    asked: Asked | undefined,
  ): void {
    // What becomes of the data of a sender that stands still meanwhile is in the books either way.
    const withinMs = answerWithinMs !== undefined && options.decide ? answerWithin(options.decide) : answerWithinMs;
    const timer = withinMs === undefined ? undefined : setTimeout(() => visit.reply(200, NO_DECISION), withinMs);
    after(taken, (failure) => {
      if (delivery.repeat !== undefined) {
        repeated.add(1);
        visit.header('idempotency-replayed', 'true');
      }
      after(delivery.repeat ?? delivery.settle(failure), (outcome) => {
        if (asked?.begun) return;
        clearTimeout(timer);
        if (delivery.problem !== undefined) visit.refuse(delivery.problem);
        else if ('reply' in outcome) visit.reply(outcome.reply.status, outcome.reply.body);
        // Nobody sends a hook again: an error would only trouble who waits for it.
        else if (answerWithinMs !== undefined) visit.reply(200, NO_DECISION);
        else visit.fail(outcome.failure);
      });
    });
  }

  /** The tenant of who has the key; otherwise answers. `query` is read for a token where webhooks come, which may have no headers. */
  function admitted(visit: Visit, query: string | undefined): string | undefined {
    const { headers } = visit.exchange.request;
    const sender = intake.admitSender(headers, keysOf(headers, query));
    if ('tenant' in sender) return sender.tenant;
    if (sender.challenge !== undefined) visit.header('www-authenticate', sender.challenge);
    visit.fail(sender.failure);
    return undefined;
  }

  function schemeFor(visit: Visit, { signing }: Signed): Scheme | typeof NONE {
    const found = schemeOf(visit.exchange.request.headers, signing, host.clock.now());
    if ('scheme' in found) return found.scheme;
    intake.turnAway('unauthenticated');
    visit.refuse({ code: 'bad-signature', detail: found.wrong });
    return NONE;
  }

  function inflateFor(visit: Visit): Inflate | undefined | typeof NONE {
    const encoding = visit.exchange.request.headers['content-encoding'];
    if (isIdentity(encoding)) return undefined;
    const inflate = inflateOf(encoding as string);
    if (inflate !== undefined) return inflate;
    intake.turnAway('malformed');
    visit.refuse({ code: 'unsupported-encoding', detail: `Use one of ${encodings.join(', ')}, or none.` });
    return NONE;
  }

  function read(visit: Visit, then: (body: Uint8Array, admitted: number) => void): void {
    readBody(visit.exchange.request, visit.exchange.response, intake, (failure, body, bytes) => {
      if (failure === undefined) then(body, bytes);
      else {
        intake.release(bytes);
        visit.fail(failure);
      }
    });
  }
}

/** A decision about the payload of a request, once it is read. */
class Asked {
  begun = false;
  private readonly visit: Visit;
  private readonly decide: Decide;
  private readonly tenant: string;

  constructor(visit: Visit, decide: Decide, tenant: string) {
    this.visit = visit;
    this.decide = decide;
    this.tenant = tenant;
  }

  about(payload: unknown, repeated: boolean): void {
    this.begun = true;
    void this.decide(payload, this.tenant, repeated).then((body) => this.visit.reply(200, body));
  }
}

function unknownPath(table: ReadonlyMap<string, Route>): Problem {
  const paths = [...table.keys()];
  return { code: 'unknown-path', detail: `POST to one of: ${paths.join(', ')}.`, more: { paths } };
}

/** Calls `then` at once where nothing has to be waited for. `value` never rejects. */
function after<T>(value: T | Promise<T>, then: (settled: T) => void): void {
  if (value instanceof Promise) value.then(then);
  else then(value);
}

function summary(body: Uint8Array): object {
  const index = walkTraces(body, NO_KEYS);
  const reader = spanReader();
  const ids = new Set<string>();
  for (let row = 0; row < index.spanCount; row++) ids.add(reader.at(index, row).traceId());
  return ingested(index.spanCount, [...ids]).body;
}
