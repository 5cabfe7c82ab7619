/**
 * Signatures of senders that sign, over the bytes as they came: Standard Webhooks (Anthropic, OpenAI) and LangSmith's
 * header. Sources: standardwebhooks.com specification 1.0; docs.langchain.com/langsmith (Engine webhooks).
 */
import { createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { equal } from '../../src/component/auth.ts';

/** Of the specification's libraries: a message that is older or comes from the future is not taken. */
const TOLERANCE_S = 300;
/** In one header. A rotation needs two. */
const MAX_SIGNATURES = 16;

export interface Signing {
  /** Secrets as bytes; any of them may have signed. */
  readonly standard: readonly Uint8Array[];
  readonly langsmith: readonly Uint8Array[];
}

/** The bytes of `whsec_<base64>`; `undefined` if it is none. */
export function secretBytes(text: string): Uint8Array | undefined {
  const match = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text);
  const bytes = Buffer.from(match?.[1] ?? '', 'base64');
  return bytes.length === 0 ? undefined : bytes;
}

export type Scheme = keyof Signing;

/** By which scheme the sender signs, or what is wrong before a byte of the body is read. `now` in Unix ms. */
export function schemeOf(
  headers: IncomingHttpHeaders,
  signing: Signing,
  now: number,
): { readonly scheme: Scheme } | { readonly wrong: string } {
  const signs = text(headers, 'x-langsmith-signature') !== '';
  if (signing.langsmith.length > 0 && (signs || signing.standard.length === 0))
    return signs ? { scheme: 'langsmith' } : { wrong: 'X-LangSmith-Signature is missing.' };
  const missing = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].find((name) => text(headers, name) === '');
  if (missing !== undefined) return { wrong: `${missing} is missing.` };
  const timestamp = text(headers, 'webhook-timestamp');
  if (!/^\d{1,12}$/.test(timestamp)) return { wrong: 'webhook-timestamp is no number of seconds.' };
  const off = Math.round(now / 1000) - Number(timestamp);
  if (Math.abs(off) <= TOLERANCE_S) return { scheme: 'standard' };
  const when = `${Math.abs(off)} s ${off > 0 ? 'ago' : 'ahead'}`;
  return { wrong: `webhook-timestamp is ${when}, at most ${TOLERANCE_S} s are allowed. Compare the clocks.` };
}

/** Whether one of the signatures is by one of the secrets of the scheme. `body` as it came, before any decoding. */
export function isSigned(scheme: Scheme, headers: IncomingHttpHeaders, body: Uint8Array, signing: Signing): boolean {
  const check = scheme === 'standard' ? checkStandard : checkLangsmith;
  return check(headers, body, signing[scheme]);
}

function checkStandard(headers: IncomingHttpHeaders, body: Uint8Array, secrets: readonly Uint8Array[]): boolean {
  const given = text(headers, 'webhook-signature').split(' ').slice(0, MAX_SIGNATURES);
  const signatures = given.flatMap((one) => (one.startsWith('v1,') ? [Buffer.from(one.slice(3), 'base64')] : []));
  const signed = `${text(headers, 'webhook-id')}.${text(headers, 'webhook-timestamp')}.`;
  let holds = false;
  for (const secret of secrets) {
    const own = createHmac('sha256', secret).update(signed).update(body).digest();
    for (const signature of signatures) holds = equal(own, signature) || holds;
  }
  return holds;
}

function checkLangsmith(headers: IncomingHttpHeaders, body: Uint8Array, secrets: readonly Uint8Array[]): boolean {
  const hex = /^sha256=([0-9a-f]{64})$/i.exec(text(headers, 'x-langsmith-signature'))?.[1];
  if (hex === undefined) return false;
  const signature = Buffer.from(hex, 'hex');
  let holds = false;
  for (const secret of secrets) holds = equal(createHmac('sha256', secret).update(body).digest(), signature) || holds;
  return holds;
}

function text(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
}
