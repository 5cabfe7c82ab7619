/** One level of decoding of text that hides text: base64, hex, percent-encoding, rot13. Candidates only; nothing is executed or fetched. */

export interface Decoded {
  readonly kind: 'base64' | 'hex' | 'url' | 'rot13';
  readonly text: string;
}

/** Shorter runs are words and ids. 24 characters of base64 hold 18 of text. */
const MIN_BASE64 = 24;
const MIN_HEX = 32;
const MAX_RUN = 8_192;
const MAX_CANDIDATES = 4;
/** `ignore`, `instructions`, `prompt`, `system` in rot13: cheap evidence that the text is worth turning. */
const rot13Cues = ['vtaber', 'vafgehpgvba', 'cebzcg', 'flfgrz', 'qvfertneq'];

/** At most four readable decodings of runs in the text, in order. */
export function decodeCandidates(text: string): Decoded[] {
  const found: Decoded[] = [];
  for (let i = 0; i < text.length && found.length < MAX_CANDIDATES; ) {
    const start = i;
    let hex = true;
    while (i < text.length && isBase64(text.charCodeAt(i))) {
      if (hex && !isHex(text.charCodeAt(i))) hex = false;
      i++;
    }
    const length = i - start;
    if (length >= MIN_BASE64 && length <= MAX_RUN) {
      const run = text.slice(start, i);
      const decoded = hex && length >= MIN_HEX && length % 2 === 0 ? readable(Buffer.from(run, 'hex')) : undefined;
      if (decoded !== undefined) found.push({ kind: 'hex', text: decoded });
      else {
        const plain = readable(Buffer.from(run, 'base64'));
        if (plain !== undefined) found.push({ kind: 'base64', text: plain });
      }
    }
    i++;
  }
  if (found.length < MAX_CANDIDATES && percentCount(text) >= 3) {
    const plain = percentDecode(text.slice(0, MAX_RUN));
    if (plain !== undefined) found.push({ kind: 'url', text: plain });
  }
  const lower = text.length <= MAX_RUN ? text.toLowerCase() : '';
  if (found.length < MAX_CANDIDATES && rot13Cues.some((cue) => lower.includes(cue)))
    found.push({ kind: 'rot13', text: rot13(text) });
  return found;
}

/** Text if the bytes are UTF-8 of which nearly all is printable and some of it is words. */
function readable(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8');
  if (text.length < 8) return undefined;
  let good = 0;
  let spaces = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x20) spaces++;
    if ((code >= 0x20 && code < 0x7f) || code === 0x0a) good++;
  }
  return good / text.length > 0.95 && spaces > 0 ? text : undefined;
}

function percentCount(text: string): number {
  let count = 0;
  for (let at = text.indexOf('%'); at >= 0 && count < 3; at = text.indexOf('%', at + 1))
    if (isHex(text.charCodeAt(at + 1)) && isHex(text.charCodeAt(at + 2))) count++;
  return count;
}

function percentDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function rot13(text: string): string {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const base = code >= 0x61 && code <= 0x7a ? 0x61 : code >= 0x41 && code <= 0x5a ? 0x41 : 0;
    out += base === 0 ? text[i] : String.fromCharCode(((code - base + 13) % 26) + base);
  }
  return out;
}

function isHex(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x66) || (code >= 0x41 && code <= 0x46);
}

function isBase64(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    code === 0x2b ||
    code === 0x2f ||
    code === 0x3d
  );
}
