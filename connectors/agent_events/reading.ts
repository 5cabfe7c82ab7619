/**
 * What one log event says, in the words of the conventions, and the means to read an event without trust. Only attributes
 * that are named are read: accounts, e-mail addresses and headers of the sender go nowhere.
 */
import { createHash } from 'node:crypto';
import type { LogEvent } from '../../src/otlp/logs.ts';
import type { Attributes, Double } from '../../src/otlp/write.ts';

type Value = Attributes[string];

/** Where a step belongs. Its ids follow from this and `id`, so an event that is delivered twice is one span. */
export interface Place {
  /** Namespace of the ids: the sender's kind. */
  readonly vendor: string;
  readonly session: string | undefined;
  /** What the user's prompt set off, where the sender numbers it. One trace a turn, else one a session. */
  readonly turn: string | undefined;
}

/** An event that is a step of its own: it ended when the event was written. */
export interface StepReading extends Place {
  readonly kind: 'step';
  /** What makes it this step among those of its place. */
  readonly id: readonly string[];
  /** True for the step that the others of its turn belong to. */
  readonly opensTurn?: boolean;
  readonly name: string;
  readonly durationMs: number | undefined;
  readonly attributes: Attributes;
  /** Set if the step failed outright. */
  readonly error?: string | undefined;
}

export interface SpanId {
  readonly traceId: string;
  readonly spanId: string;
}

export type Part = 'input' | 'output' | 'system' | 'attributes';

/** Content of a span that comes, or came, in another record. */
export interface ContentReading {
  readonly kind: 'content';
  readonly target: SpanId;
  readonly part: Part;
  /** JSON of one message or part; of an object of attributes. */
  readonly json: string;
  /** True if nothing more is expected for the span. */
  readonly last: boolean;
}

/**
 * `traced`: the sender exports a span for it itself. `auxiliary`: housekeeping of the sender, no step of the agent. `unplaced`:
 * names neither session nor prompt, or content without its span. `repeated`: another event says the same. `unread`: an event of a
 * known sender that says nothing a span can show.
 */
export type Unused = 'traced' | 'auxiliary' | 'unplaced' | 'repeated' | 'unread';

export type Reading = StepReading | ContentReading | Unused;

/** Characters of one text, as the webhook adapters grant it. */
const maxText = 65_536;
const maxName = 1_024;
/** A call of a day is a clock that jumped. */
const maxDurationMs = 86_400_000;
const cutNote = '[cut]';

export function bounded(text: string, max = maxText): string {
  return text.length <= max ? text : `${text.slice(0, max)}${cutNote}`;
}

/** A short text: a name or an id. Numbers count as their digits. */
export function word(event: LogEvent, key: string): string | undefined {
  const value = event.attributes.get(key);
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  return typeof value === 'string' && value !== '' ? value.slice(0, maxName) : undefined;
}

/** Text that the sender may have withheld. */
export function content(event: LogEvent, key: string): string | undefined {
  const value = event.attributes.get(key);
  if (typeof value !== 'string' || value === '' || /^[<[]REDACTED[\]>]$/.test(value)) return undefined;
  return bounded(value);
}

/** A number that is not negative; senders write many as text. */
export function amount(event: LogEvent, key: string): number | undefined {
  const value = event.attributes.get(key);
  const number = typeof value === 'string' && value.trim() !== '' && value.length <= 32 ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) && number >= 0 ? number : undefined;
}

export function count(event: LogEvent, key: string): number | undefined {
  const number = amount(event, key);
  return number !== undefined && Number.isSafeInteger(number) ? number : undefined;
}

export function isFalse(event: LogEvent, key: string): boolean {
  const value = event.attributes.get(key);
  return value === false || value === 'false';
}

export function duration(event: LogEvent, key = 'duration_ms'): number | undefined {
  const ms = amount(event, key);
  return ms !== undefined && ms <= maxDurationMs ? ms : undefined;
}

/** `undefined` members are left out. */
export function attributes(facts: Readonly<Record<string, Value | Double | undefined>>): Attributes {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as Attributes;
}

/** `n` hex digits that follow from the parts. */
function hash(n: number, parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, n);
}

export function traceIdOf({ vendor, session, turn }: Place): string {
  return hash(32, ['agent_events', vendor, session ?? '', turn ?? '']);
}

export function spanIdOf({ vendor, session, turn }: Place, id: readonly string[]): string {
  return hash(16, ['agent_events', vendor, session ?? '', turn ?? '', ...id]);
}

/** Id of the step that opens a turn. */
export const turnId: readonly string[] = ['turn'];

/** What tells an event from the others of its session. The sequence alone starts anew when a session is resumed. */
export function eventId(event: LogEvent): string[] {
  return [event.name, word(event, 'event.sequence') ?? '', word(event, 'event.timestamp') ?? '', String(event.timeNs)];
}

export function textMessage(role: string, text: string): string {
  return JSON.stringify({ role, parts: [{ type: 'text', content: text }] });
}

/** The user's prompt, which opens a turn. */
export function prompt(place: Place, event: LogEvent, agent: string, provider: string): StepReading {
  const text = content(event, 'prompt');
  return {
    ...place,
    kind: 'step',
    id: place.turn === undefined ? eventId(event) : turnId,
    opensTurn: true,
    name: `invoke_agent ${agent}`,
    durationMs: undefined,
    attributes: attributes({
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.provider.name': provider,
      'gen_ai.agent.name': agent,
      'gen_ai.input.messages': text === undefined ? undefined : `[${textMessage('user', text)}]`,
    }),
  };
}

/**
 * How a tool's failure is written: the agent sees it and goes on, so the span's status stays unset and `error.type` is the
 * conventions' `tool_error`; what the sender calls it stands in the message.
 */
export function toolFailure(type: string | undefined, message: string | undefined): Attributes {
  const said = [type, message].filter((one) => one !== undefined && one !== '').join(': ');
  return attributes({
    'error.type': 'tool_error',
    'gen_ai.tool.status': 'error',
    'error.message': said === '' ? undefined : bounded(said, 8_192),
  });
}
