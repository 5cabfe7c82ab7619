import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { printable } from './printable.ts';
import { redact, redactPiece } from './redact.ts';

const random = 'aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY';

describe('redact', () => {
  test.each([
    [`key sk-proj-${random}`, 'key [key]'],
    [`use sk-ant-api03-${random}.`, 'use [key].'],
    ['AKIAIOSFODNN7EXAMPLE and ASIAIOSFODNN7EXAMPLE', '[key] and [key]'],
    [`ghp_${random}ab1234`, '[key]'],
    [`xoxb-1234567890-${random}`, '[key]'],
    [`sk_live_${random}`, '[key]'],
    [`AIza${random}12`, '[key]'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P', '[token]'],
    [`Authorization: Bearer ${random}`, 'Authorization: Bearer [token]'],
    ['authorization: basic dXNlcjpwYXNzd29yZA==', 'authorization: basic [token]'],
    ['postgres://app:hunter2@db/x', 'postgres://[credentials]@db/x'],
    ['password=hunter2', 'password=[secret]'],
    ['{"api_key": "abc123def"}', '{"api_key": "[secret]"}'],
    ['{\\"client_secret\\":\\"q!w2e3r4\\"}', '{\\"client_secret\\":\\"[secret]\\"}'],
    ['The password is Secret2024', 'The password is [secret]'],
    ['mail ida.holm+x@example.co.uk now', 'mail [e-mail] now'],
    ['card 4111 1111 1111 1111.', 'card [card].'],
    ['5500-0000-0000-0004', '[card]'],
    ['378282246310005', '[card]'],
    ['DE89 3704 0044 0532 0130 00', '[iban]'],
    ['GB82WEST12345698765432', '[iban]'],
    ['-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----', '[private key]'],
    ['-----BEGIN PRIVATE KEY-----\nMIIE and cut off', '[private key]'],
  ])('%s', (text, redacted) => {
    expect(redact(text)).toBe(redacted);
  });

  test.each([
    'order 4111 1111 1111 1112 is no card',
    'id 1234567890123456, time 1700000000000000000',
    'DE89 3704 0044 0532 0130 01 has a wrong checksum',
    'the token: string type, password is required',
    'a task-force of sk-learn users',
    'call me @home or look at user@',
    'https://example.com:8080/a@b',
    'bearer of bad news',
    'trace 5b8efff798038103d269b633813fc60c span eee19b7ec3c1b174',
    'used 12,345 tokens: 8000 in, 4345 out',
    'key: value',
  ])('stays: %s', (text) => {
    expect(redact(text)).toBe(text);
  });

  test('takes time in line with the length, whatever the text', () => {
    const parts = [
      'password',
      '=',
      ':',
      ' is ',
      '-----BEGIN PRIVATE KEY-----',
      'eyJ',
      '.',
      '@',
      '4111',
      '-',
      'sk-',
      'A',
      '://',
      '"',
    ];
    const arbitrary = fc.array(fc.constantFrom(...parts), { minLength: 5_000, maxLength: 5_000 }).map((all) => all.join(''));
    fc.assert(
      fc.property(arbitrary, (text) => {
        const start = performance.now();
        redact(text);
        expect(performance.now() - start).toBeLessThan(2_000);
      }),
      { seed: 3, numRuns: 20 },
    );
  });

  test('of a text without end the head is shown', () => {
    expect(redact('a'.repeat(200_000))).toHaveLength(100_001);
  });
});

describe('redactPiece', () => {
  test.each([
    ['open_page ghp_aB3dE5fG7h', 'open_page [key]'],
    ['used sk-proj-aB3dE5', 'used [key]'],
    ['jane.doe@exa', '[e-mail]'],
    ['jane.doe@', '[e-mail]'],
    ['the customer paid with the card number 4111 1111', 'the customer paid with the card number [digits]'],
    ['the customer paid with the card number 41111111…', 'the customer paid with the card number [digits]'],
  ])('%s', (text, shown) => {
    expect(redactPiece(text)).toBe(shown);
  });

  test.each([
    'order 12345678',
    'lodash@4.17.21',
    'sk-learn',
    '@scope/name',
    'hf_model',
    'a number of 123456 in a text of some length',
  ])('leaves %s', (text) => {
    expect(redactPiece(text)).toBe(text);
  });
});

test('printable shows what would drive a terminal or turn the text around', () => {
  expect(printable('a\x1b[31mb\u202ec\u200bd\ne')).toBe('a\\u001b[31mb\\u202ec\\u200bd\\u000ae');
  expect(printable('a\nb', true)).toBe('a\nb');
});
