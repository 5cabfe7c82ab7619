import { expect, test } from 'vitest';
import { leaksIn } from './dify_variable_leak-forms.ts';

// Put together here, so that no scanner takes the file for a leak.
const key = ['sk', '0123456789abcdefABCD'].join('-');

test.each([
  [`-----BEGIN RSA ${'PRIVATE'} KEY-----`, 'a private key'],
  [`use ${key} for it`, 'an access key'],
  [`Authorization: Bearer ${'a1b2'.repeat(6)}`, 'a token'],
  ['db_password = "hunter2hunter2"', 'a password'],
  ['postgres://app:s3cr3t@db.internal/main', 'a connection string'],
  ['4111 1111 1111 1111', 'a card number'],
  ['SSN 123-45-6789', 'an identity number'],
  ['routing number: 021000021', 'a bank account'],
  ['date of birth: 1980-02-03', 'a date of birth'],
  ['write to jane.roe@example.org', 'an e-mail address'],
  ['call +1 555-123-4567', 'a phone number'],
])('%s: %s', (text, what) => {
  expect(leaksIn(text).map((leak) => leak.what)).toContain(what);
});

test.each([
  '',
  'The meeting is at 10:30 in room 4.',
  'password: {{env.PASSWORD}}',
  'password = "********"',
  'Authorization: Bearer <token>',
  'postgres://app:***@db.internal/main',
  '4111 1111 1111 1112',
  '0000 0000 0000 0000',
  '000-12-3456',
  'version 1.2.3-4',
])('%s: nothing', (text) => {
  expect(leaksIn(text)).toEqual([]);
});

test('the gravest comes first', () => {
  expect(leaksIn(`jane.roe@example.org ${key}`).map(({ kind }) => kind)).toEqual(['secret', 'personal']);
});
