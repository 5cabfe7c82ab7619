// Shared texts are the same as decoded ones, whatever was decoded before.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { textAt } from './text.ts';

test('any bytes, in any order, give what UTF-8 decoding gives', () => {
  const piece = fc.oneof(
    fc.string({ maxLength: 60, unit: 'grapheme' }).map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom('chat', 'gpt-4o', 'Ã©', 'é', '\ufffd').map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      for (const bytes of [...pieces, ...pieces.toReversed()]) {
        const around = Buffer.concat([Buffer.from('<'), bytes, Buffer.from('>')]);
        expect(textAt(around, 1, 1 + bytes.length)).toBe(bytes.toString('utf8'));
      }
    }),
  );
});
