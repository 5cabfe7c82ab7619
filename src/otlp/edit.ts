/**
 * Changes values anywhere in a request without re-encoding it: what no editor touches stays byte for byte, unknown fields too, and only
 * the length prefixes around a change are written anew.
 */
import { Piece } from './piece.ts';
import type { Signal } from './signal.ts';
import { cursor, LENGTH, lengthEnd, skip, tag } from './wire.ts';

/** Looks at the content of a field: a piece takes its place, `null` takes the field away, `undefined` leaves it as it is. */
export type Editor = (body: Buffer, from: number, end: number) => Piece | null | undefined;

/** Editors by tag; all are of length-delimited fields with numbers up to 15. */
export type Editors = Readonly<Record<number, Editor>>;

/** The message in [from, end) edited, `undefined` if nothing has changed. Throws `WireError`. */
export function edit(body: Buffer, from: number, end: number, editors: Editors): Piece | undefined {
  let out: Piece | undefined;
  let kept = from;
  let at = from;
  while (at < end) {
    const start = at;
    const field = tag(body, at, end);
    const editor = (field & 7) === LENGTH ? editors[field] : undefined;
    if (editor === undefined) {
      at = skip(body, cursor.at, end, field);
      continue;
    }
    at = lengthEnd(body, cursor.at, end);
    const changed = editor(body, cursor.at, at);
    if (changed === undefined) continue;
    out ??= new Piece(body);
    out.add(kept, start);
    if (changed) out.addFramed(field >>> 3, changed);
    kept = at;
  }
  out?.add(kept, end);
  return out;
}

/** What is edited in a request. */
export interface RequestEditors {
  /** A message whose attributes have this tag: a resource, scope, span, event, link, log record or data point. `more`: what else is edited in it. */
  readonly holder: (tag: number, more?: Editors) => Editor;
  /** The message of a span's status, and what a log record says: an AnyValue. */
  readonly statusMessage: Editor;
  readonly logBody: Editor;
}

/** The editor of a whole request of `signal`, made once for all of them. */
export function requestEditor(signal: Signal, { holder, statusMessage, logBody }: RequestEditors): Editor {
  const status: Editor = (body, from, end) => edit(body, from, end, { 18: statusMessage });
  const item: Editor =
    signal === 'traces'
      ? holder(74, { 90: holder(26), 106: holder(34), 122: status })
      : signal === 'logs'
        ? holder(50, { 42: logBody })
        : metric(holder);
  const scopeOf = nested({ 10: holder(26), 18: item });
  return nested({ 10: nested({ 10: holder(10), 18: scopeOf }) });
}

function nested(editors: Editors): Editor {
  return (body, from, end) => edit(body, from, end, editors);
}

/** Points of gauges, sums, histograms, exponential histograms and summaries. */
function metric(holder: RequestEditors['holder']): Editor {
  const numbers = nested({ 10: holder(58) });
  return nested({ 42: numbers, 58: numbers, 74: nested({ 10: holder(74) }), 82: nested({ 10: holder(10) }), 90: numbers });
}
