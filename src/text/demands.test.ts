import { describe, expect, it } from 'vitest';
import { compareDemands, demandNames } from './demands.ts';

function signs(a: string, b: string): string[] {
  return [...compareDemands(a, b)].flatMap((value, i) => (value === 0 ? [] : [demandNames[i] as string]));
}

describe('compareDemands', () => {
  it.each([
    ['a condition that is dropped', 'Refund it if it was damaged.', 'Refund the order.', 'condition_lost'],
    ['a question that is answered by a deed', 'Is the refund through?', 'Issue a refund to the account.', 'acts_unasked'],
    ['a change that is claimed', 'Is the plan still active?', 'I have renewed the plan as requested.', 'claims_change'],
    ['work that begins with a look', 'The build is slow.', "I'll review the logs of the build.", 'looks_first'],
    ['haste', 'Move the thread to another channel.', 'Move the thread immediately.', 'haste'],
    ['a wider scope', 'Extract the names.', 'Extract all fields.', 'widened'],
    ['a limit that is gone', 'Return just the title.', 'Return the title and the body.', 'limit_lost'],
    ['another form', 'Return JSON.', 'Write a markdown document.', 'form_conflict'],
    ['the opposite', 'Build a private chat.', 'Build a public chat.', 'opposite'],
    ['a message that was not understood', 'orders: [1, 2]', 'Orders: [object Object]', 'ill_received'],
  ])('sees %s', (_, a, b, sign) => {
    expect(signs(a, b)).toContain(sign);
  });

  it.each([
    [
      'a condition that is kept in other words',
      'Refund it if it was damaged.',
      'Refund the order once damage is confirmed.',
      'condition_lost',
    ],
    ['a deed that was asked for', 'Please delete the file.', 'Delete the file.', 'acts_unasked'],
    ['an order that is looked into first', 'Is the refund through?', 'Check the refund and update the ticket.', 'acts_unasked'],
    ['a scope that was asked for', 'Extract all fields.', 'Extract all fields of the form.', 'widened'],
    ['one of two forms', 'Return JSON or CSV.', 'Return CSV.', 'form_conflict'],
  ])('passes over %s', (_, a, b, sign) => {
    expect(signs(a, b)).not.toContain(sign);
  });

  it('sees nothing in empty texts, and takes long ones', () => {
    expect(signs('', '')).toEqual([]);
    expect(compareDemands('if '.repeat(1e5), 'all '.repeat(1e5))).toHaveLength(demandNames.length);
  });
});
