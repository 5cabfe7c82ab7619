// What is found where, and that what was replaced comes back.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redact } from '../text/redact.ts';
import { PIIDetector, Tokenizer, TokenVault } from './privacy.ts';

const detector = new PIIDetector();

describe('PIIDetector', () => {
  it.each([
    ['mail ada@example.org now', [['e-mail', 'ada@example.org']]],
    [
      'pay 4111 1111 1111 1111 or DE89 3704 0044 0532 0130 00',
      [
        ['card', '4111 1111 1111 1111'],
        ['iban', 'DE89 3704 0044 0532 0130 00'],
      ],
    ],
    ['call +49 (170) 123-4567.', [['phone', '+49 (170) 123-4567']]],
    ['ssn 123-45-6789', [['ssn', '123-45-6789']]],
    ['https://ada:s3cret@example.org/x', [['credentials', 'ada:s3cret']]],
    ['Authorization: Bearer  abcDEF123456 and ada', [['token', 'abcDEF123456']]],
    ['password = hunter2hunter', [['secret', 'hunter2hunter']]],
  ])('%s', (text, expected) => {
    const found = detector.detect(text);
    expect(found.map(({ kind, value }) => [kind, value])).toEqual(expected);
    for (const { start, end, value } of found) expect(text.slice(start, end)).toBe(value);
  });

  it.each(['order 1234-56-789', 'call 555-0199', '+1 is one', 'ssn 000-45-6789', 'id 123-45-67890', 'ten+123'])(
    'not %s',
    (text) => {
      expect(detector.detect(text)).toEqual([]);
    },
  );

  it('has the place of every value, whatever stands around them', () => {
    const secret = fc.constantFrom(
      'ada@example.org',
      '4111 1111 1111 1111',
      '+491701234567',
      'sk-abcdefghijklmnop1234',
      'token=abc123def456',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), secret), { maxLength: 8 }), (parts) => {
        const text = parts.join(' ');
        for (const { start, end, value } of detector.detect(text)) expect(text.slice(start, end)).toBe(value);
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  it('refuses what it would not look at', () => {
    expect(() => detector.detect('x'.repeat(100_001))).toThrow('at most 100000 characters');
  });
});

describe('Tokenizer', () => {
  const text = 'ada@example.org and bob@example.org wrote to ada@example.org with sk-abcdefghijklmnop1234';

  it('gives a value the same token, and another tokenizer another', () => {
    const [one, two, three, four] = new Tokenizer().tokenize(text).match(/\[[a-z-]+:[a-p]{16}\]/g) ?? [];
    expect(one).toBe(three);
    expect(new Set([one, two, four]).size).toBe(3);
    expect(new Tokenizer().tokenize(text)).not.toContain(one);
  });

  it('shows nothing that redact would hide, and gives all of it back', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, after) => {
        const whole = `${before} ${text} ${after}`;
        const tokenizer = new Tokenizer();
        const tokenized = tokenizer.tokenize(whole);
        expect(tokenized).not.toContain('@example.org');
        expect(redact(tokenized)).not.toContain('sk-abcdef');
        expect(tokenizer.detokenize(tokenized)).toBe(whole);
      }),
      { seed: 7, numRuns: 2_000 },
    );
  });

  it('forgets what the vault has no place for', () => {
    const tokenizer = new Tokenizer(new TokenVault({ maxEntries: 1 }));
    const tokenized = tokenizer.tokenize('ada@example.org bob@example.org');
    expect(tokenizer.detokenize(tokenized)).toMatch(/^\[e-mail:[a-p]{16}\] bob@example\.org$/);
    expect(tokenizer.vault.size).toBe(1);
    tokenizer.vault.clear();
    expect(tokenizer.detokenize(tokenized)).toBe(tokenized);
  });

  it.each([[{ maxEntries: 0 }], [{ ttlMs: 0 }], [{ maxEntries: 1.5 }]])('refuses a vault of %j', (options) => {
    expect(() => new TokenVault(options)).toThrow(RangeError);
  });
});
