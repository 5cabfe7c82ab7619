/** Goes through the attributes and texts of a request and puts masks in the place of what they hold. */
import { decodeValue, gather, keyOf } from '../../src/otlp/anyvalue.ts';
import { type Editor, type Editors, edit, type RequestEditors } from '../../src/otlp/edit.ts';
import { WireError } from '../../src/otlp/error.ts';
import { Piece } from '../../src/otlp/piece.ts';
import type { Value } from '../../src/otlp/span.ts';
import { defaultWireLimits } from '../../src/otlp/traces.ts';
import { writeAttribute } from '../../src/otlp/write.ts';
import { Masker } from './mask.ts';
import type { RedactOptions } from './options.ts';

/** What was done to the attributes of one holder. */
interface Tally {
  readonly removed: string[];
  readonly masked: string[];
  readonly allowed: string[];
  ignored: number;
  /** Attributes of the summary that were there: somebody before has masked too. */
  readonly former: Map<string, Value>;
}

const KEYS = { removed: 'redaction.redacted', masked: 'redaction.masked', allowed: 'redaction.allowed' } as const;
const SUMMARY: ReadonlySet<string> = new Set([
  ...Object.values(KEYS).flatMap((name) => [`${name}.keys`, `${name}.count`]),
  'redaction.ignored.count',
]);

export class Redaction implements RequestEditors {
  private readonly options: RedactOptions;
  private readonly masker: Masker;
  private tally: Tally | undefined;
  private totals = { masked: 0, removed: 0 };
  private depth = 0;
  /** Within the body of a log record, where members of maps are what attributes are elsewhere. */
  private inBody = false;

  constructor(options: RedactOptions) {
    this.options = options;
    this.masker = new Masker(options);
  }

  /** Since it was asked last. */
  counted(): { readonly masked: number; readonly removed: number; readonly overlong: number } {
    const done = { ...this.totals, overlong: this.masker.overlong };
    this.totals = { masked: 0, removed: 0 };
    this.masker.overlong = 0;
    return done;
  }

  readonly holder = (wanted: number, more: Editors = {}): Editor => {
    const editors = { ...more, [wanted]: this.attribute };
    if (this.options.summary === 'silent') return (body, from, end) => edit(body, from, end, editors);
    return (body, from, end) => {
      const outer = this.tally;
      this.tally = { removed: [], masked: [], allowed: [], ignored: 0, former: new Map() };
      const edited = edit(body, from, end, editors);
      const said = this.summary(this.tally);
      this.tally = outer;
      if (said.length === 0) return edited;
      const out = edited ?? new Piece(body);
      if (!edited) out.add(from, end);
      for (const [key, value] of said) out.addBytes(writeAttribute(wanted, key, value));
      return out;
    };
  };

  readonly statusMessage: Editor = (body, from, end) => this.looked('status.message', this.string(body, from, end));

  readonly logBody: Editor = (body, from, end) => {
    this.inBody = true;
    const piece = this.value(body, from, end);
    this.inBody = false;
    return this.looked('body', piece);
  };

  private looked(key: string, piece: Piece | null | undefined): Piece | null | undefined {
    if (piece === undefined) return undefined;
    this.totals.masked++;
    this.tally?.masked.push(key);
    return piece;
  }

  /** A KeyValue of a holder. */
  private readonly attribute: Editor = (body, from, end) => {
    const { key, values } = keyOf(body, from, end);
    if (this.tally && SUMMARY.has(key)) {
      const whole = gather(body, from, end, 18);
      this.tally.former.set(key, decodeValue(whole, 0, whole.length, defaultWireLimits.depth));
      return null;
    }
    return this.member(key, values, body, from, end, true);
  };

  /** A KeyValue of a map within a value. */
  private readonly inner: Editor = (body, from, end) => {
    const { key, values } = keyOf(body, from, end);
    return this.member(key, values, body, from, end, this.inBody);
  };

  private member(
    key: string,
    values: number,
    body: Buffer,
    from: number,
    end: number,
    removable: boolean,
  ): Piece | null | undefined {
    const verdict = this.masker.verdict(key);
    if (verdict === 'ignore') {
      if (this.tally) this.tally.ignored++;
      return undefined;
    }
    if (verdict === 'remove' && removable) {
      this.totals.removed++;
      this.tally?.removed.push(key);
      return null;
    }
    if (values === 0) return undefined;
    if (verdict === 'mask') return this.looked(key, this.masked(key, body, from, end));
    let piece: Piece | null | undefined;
    if (values === 1) piece = edit(body, from, end, this.valueField);
    else {
      // A value in several pieces is rare: it is made one.
      const whole = gather(body, from, end, 18);
      const changed = this.value(whole, 0, whole.length);
      piece = changed && withValue(body, from, end, changed);
    }
    if (piece && this.isAllowed(key, body, from, end)) return undefined;
    return this.looked(key, piece);
  }

  private masked(key: string, body: Buffer, from: number, end: number): Piece | undefined {
    const whole = gather(body, from, end, 18);
    const value = decodeValue(whole, 0, whole.length, defaultWireLimits.depth);
    const text = typeof value === 'object' || value === undefined ? whole.toString('latin1') : String(value);
    if (this.isAllowed(key, body, from, end)) return undefined;
    return withValue(body, from, end, stringValue(body, this.masker.whole(text)));
  }

  private isAllowed(key: string, body: Buffer, from: number, end: number): boolean {
    if (this.options.allowed_values.length === 0) return false;
    const whole = gather(body, from, end, 18);
    const value = decodeValue(whole, 0, whole.length, defaultWireLimits.depth);
    if (typeof value === 'object' || value === undefined || !this.masker.isAllowed(String(value))) return false;
    this.tally?.allowed.push(key);
    return true;
  }

  /** An AnyValue. */
  private readonly value: Editor = (body, from, end) => {
    if (this.depth >= defaultWireLimits.depth) throw new WireError('value is nested too deep', from);
    this.depth++;
    try {
      return edit(body, from, end, this.kinds) ?? (this.options.redact_all_types ? this.scalar(body, from, end) : undefined);
    } finally {
      this.depth--;
    }
  };

  private readonly string: Editor = (body, from, end) => {
    const text = this.masker.text(body, from, end);
    if (text === undefined) return undefined;
    const piece = new Piece(body);
    piece.addBytes(Buffer.from(text));
    return piece;
  };

  /** Strings, lists and maps. */
  private readonly kinds: Editors = {
    10: this.string,
    42: (body, from, end) => edit(body, from, end, this.listField),
    50: (body, from, end) => edit(body, from, end, this.mapField),
  };

  // Made once, not for each attribute.
  private readonly valueField: Editors = { 18: this.value };
  private readonly listField: Editors = { 10: this.value };
  private readonly mapField: Editors = { 10: this.inner };

  private scalar(body: Buffer, from: number, end: number): Piece | undefined {
    const value = decodeValue(body, from, end, defaultWireLimits.depth);
    if (typeof value !== 'number' && typeof value !== 'bigint' && typeof value !== 'boolean') return undefined;
    const bytes = Buffer.from(String(value));
    const text = this.masker.text(bytes, 0, bytes.length);
    return text === undefined ? undefined : stringValue(body, text);
  }

  private summary({ removed, masked, allowed, ignored, former }: Tally): [string, Value][] {
    const said = new Map(former);
    const add = (name: string, count: number): void => {
      const before = former.get(`${name}.count`);
      if (count > 0) said.set(`${name}.count`, count + (typeof before === 'number' ? before : 0));
    };
    for (const [list, keys] of [
      ['removed', removed],
      ['masked', masked],
      ['allowed', allowed],
    ] as const) {
      const name = KEYS[list];
      add(name, keys.length);
      if (keys.length === 0 || this.options.summary !== 'debug') continue;
      const before = former.get(`${name}.keys`);
      const all = typeof before === 'string' && before !== '' ? [...keys, ...before.split(',')] : keys;
      said.set(`${name}.keys`, [...all].sort().join(','));
    }
    add('redaction.ignored', ignored);
    return [...said];
  }
}

/** The KeyValue with another value. */
function withValue(body: Buffer, from: number, end: number, value: Piece): Piece | undefined {
  let done = false;
  return edit(body, from, end, {
    18: () => {
      if (done) return null;
      done = true;
      return value;
    },
  });
}

/** An AnyValue that is a string. */
function stringValue(body: Buffer, text: string): Piece {
  const content = new Piece(body);
  content.addBytes(Buffer.from(text));
  const value = new Piece(body);
  value.addFramed(1, content);
  return value;
}
