/** Requests and answers that VCR.py recorded (`{interactions: [{request, response}]}`): a response with what it was asked. Headers are not read. */
import { gunzipSync } from 'node:zlib';
import { isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, list } from '../payload.ts';
import { serverSentEvents } from '../sse.ts';
import { streamed } from './stream.ts';

/** Characters of all bodies together when unpacked; recordings of whole conversations have some hundred thousand. */
const maxUnpacked = 64 * 1024 * 1024;
/** What a body costs of that which cannot be unpacked: it may have taken that much work. */
const failureCost = maxUnpacked / 4;

export function recorded(cassette: unknown): readonly Dict[] {
  let room = maxUnpacked;
  const bodyOf = (given: unknown): string => {
    const found = unpacked(
      isObject(given) && !ArrayBuffer.isView(given) ? (given['string'] ?? given['base64_string']) : given,
      room,
    );
    room -= found?.length ?? failureCost;
    return found ?? '';
  };
  return list(member(cassette, 'interactions')).flatMap((one) => {
    const request = json(bodyOf(member(member(one, 'request'), 'body')));
    const said = bodyOf(member(member(one, 'response'), 'body'));
    const answer = json(said);
    const objects = answer === undefined ? streamed(serverSentEvents(said)) : [answer].filter(isObject);
    const input = member(request, 'input');
    return objects
      .filter((object) => typeof object['object'] === 'string')
      .map((object) => (input === undefined || object['object'] !== 'response' ? object : { ...object, input }));
  });
}

/** Text of a body: as it stands, or packed by gzip, as bytes or in base64; `undefined` if it does not unpack. */
function unpacked(given: unknown, room: number): string | undefined {
  if (room <= 0) return '';
  const bytes =
    given instanceof Uint8Array
      ? given
      : typeof given === 'string' && /^\s*H4sI/.test(given)
        ? Buffer.from(given, 'base64')
        : undefined;
  if (bytes === undefined) return typeof given === 'string' ? given.slice(0, room) : '';
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return new TextDecoder().decode(bytes.subarray(0, room));
  try {
    return gunzipSync(bytes, { maxOutputLength: room }).toString();
  } catch {
    return undefined;
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
