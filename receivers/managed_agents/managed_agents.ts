/**
 * Pulls what Claude Managed Agents did: the API's webhook says only that a session came to rest. Each session that rests is read from
 * where it was read last, and becomes spans of one trace. At most once within a process; a restart reads from its start on.
 */
import { z } from 'zod';
import { secret } from '../../config/secret.ts';
import { duration } from '../../config/units.ts';
import type { Signal } from '../../src/batch/batch.ts';
import type { Component, Consumer, Host, ReceiverFactory } from '../../src/component/component.ts';
import { type Convert, handOn, Rounds } from '../../src/component/pull.ts';
import { member } from '../../src/dialects/json.ts';
import { type Access, events, type Session, sessions, word } from './api.ts';

/** Sessions whose place is remembered: a day of a busy workspace. The oldest is forgotten first. */
const MAX_PLACES = 10_000;
const options = z
  .strictObject({
    endpoint: z
      .url({ protocol: /^https?$/, error: 'not a URL with http:// or https://.' })
      .default('https://api.anthropic.com')
      .describe('Where the API is.'),
    api_key: secret().describe('Key of the workspace whose sessions are read.'),
    interval: duration('30s', { min: '1s' }).describe('How often it is asked which sessions rest.'),
    sessions: z.number().int().min(1).max(1000).default(50).describe('How many sessions are looked at, the newest first.'),
    lookback: duration('1h', { min: '0s' }).describe('Sessions that rested longer before the start are passed over.'),
  })
  .describe('Pulls sessions of Claude Managed Agents.');

type Options = z.output<typeof options>;

/** `convert` is the adapter of the webhook, which takes `{session_id, session, events, after?}` from whoever posts it. */
export function managedAgentsFactory(convert: Convert): ReceiverFactory<typeof options> {
  return {
    kind: 'receiver',
    type: 'managed_agents',
    stability: 'development',
    summary: 'Pulls the events of Claude Managed Agents sessions.',
    signals: ['traces'],
    options,
    create: (id, given, next) => new ManagedAgentsReceiver(id, given, next, convert),
  };
}

/** How far a session was read, and its state then. */
interface Place {
  readonly updated: string | undefined;
  readonly after: string | undefined;
}

/**
 * The events before the request whose calls wait for an answer of the user: call and answer are read together when it is there. What
 * is never answered stays unread until the session is terminated.
 */
function settled(all: readonly unknown[]): readonly unknown[] {
  const typeOf = (event: unknown) => word(member(event, 'type')) ?? '';
  const answered = new Set(
    all.flatMap((event) =>
      ['tool_use_id', 'mcp_tool_use_id', 'custom_tool_use_id'].map((key) =>
        /_result$/.test(typeOf(event)) ? member(event, key) : undefined,
      ),
    ),
  );
  let cut = all.findIndex((event) => /^agent\..*tool_use$/.test(typeOf(event)) && !answered.has(member(event, 'id')));
  if (cut < 0) return all;
  while (
    cut > 0 &&
    /^(?:agent\.(?:message|thinking|(?:mcp_|custom_)?tool_use)|span\.model_request_.*)$/.test(typeOf(all[cut - 1]))
  )
    cut--;
  return all.slice(0, cut);
}

/** A session that runs is not read: what it does next belongs to the same turn. */
const resting = new Set(['idle', 'terminated']);

export class ManagedAgentsReceiver implements Component {
  readonly #id: string;
  readonly #options: Options;
  readonly #next: Consumer | undefined;
  readonly #access: Access;
  readonly #convert: Convert;
  readonly #places = new Map<string, Place>();
  readonly #rounds = new Rounds();

  constructor(id: string, given: Options, next: ReadonlyMap<Signal, Consumer>, convert: Convert) {
    this.#id = id;
    this.#convert = convert;
    this.#options = given;
    this.#next = next.get('traces');
    this.#access = { endpoint: given.endpoint, key: given.api_key.reveal() };
  }

  async start(host: Host): Promise<void> {
    const { interval, lookback } = this.#options;
    const since = host.clock.now() - lookback;
    const failed = 'Sessions could not be read; it is tried again.';
    if (this.#next !== undefined) this.#rounds.begin(host, interval, () => this.round(host, since), failed);
  }

  async shutdown(signal: AbortSignal): Promise<void> {
    await this.#rounds.end(signal);
  }

  /** Reads every session that came to rest since it was read last. Throws what the API or the pipeline says. */
  async round(host: Host, since: number): Promise<void> {
    for (const session of (await sessions(this.#access, this.#options.sessions)).toReversed()) {
      if (this.#rounds.over) return;
      if (!resting.has(session.status ?? '')) continue;
      const place = this.#places.get(session.id);
      if (place !== undefined && place.updated === session.updated) continue;
      const updated = Date.parse(session.updated ?? '');
      if (place === undefined && Number.isFinite(updated) && updated < since) continue;
      await this.#read(host, session, place);
    }
  }

  async #read(host: Host, session: Session, place: Place | undefined): Promise<void> {
    const found = await events(this.#access, session.id, place?.after);
    if (this.#rounds.over) return;
    const processed = found.events.filter((event) => word(member(event, 'processed_at')) !== undefined);
    const done = found.whole && session.status !== 'terminated' ? settled(processed) : processed;
    const after = word(member(done.at(-1), 'processed_at')) ?? place?.after;
    if (done.length > 0) await this.#hand(host, session, done, place?.after);
    // With more to come the session is read on in the next round.
    this.#remember(session.id, { updated: found.whole ? session.updated : undefined, after });
  }

  async #hand(host: Host, session: Session, done: readonly unknown[], after: string | undefined): Promise<void> {
    const payload = { session_id: session.id, session: session.about, events: done, ...(after === undefined ? {} : { after }) };
    await handOn(host, this.#id, this.#next, this.#convert(payload), { session: session.id });
  }

  #remember(id: string, place: Place): void {
    this.#places.delete(id);
    this.#places.set(id, place);
    const [oldest] = this.#places.keys();
    if (this.#places.size > MAX_PLACES && oldest !== undefined) this.#places.delete(oldest);
  }
}
