import { describe, expect, test } from 'vitest';
import { failureClass, statedFailure } from './failure.ts';

describe('failures told as text', () => {
  test.each([
    ['Error: ENOENT: no such file or directory', 'not_found'],
    ['Call id: 1\nError:\nTypeError: f() got an unexpected keyword argument', 'arguments'],
    ['Traceback (most recent call last):\n  File "a"\nModuleNotFoundError: No module named x', 'environment'],
    ['{"error": {"code": 429, "message": "Rate limit reached"}}', 'rate_limit'],
    ['{"success": false, "message": "timed out"}', 'timeout'],
    ['{"isError": true, "content": "x"}', 'other'],
    ['{"isError": true, "error": "x"}', 'other'],
    ['Title: Error 403', 'authentication'],
    ['{"error": null, "errors": []}', undefined],
    ['{"error": false, "ok": true}', undefined],
    ['Errors are described below.', undefined],
    ['The request failed, says the article.', undefined],
    ['', undefined],
    ['{"error": ', undefined],
  ])('%s', (text, expected) => {
    expect(statedFailure(text)).toBe(expected);
  });

  test('the cause stands before the symptom', () => {
    expect(failureClass('ConnectionError: 401 Unauthorized')).toBe('authentication');
    expect(failureClass('no words of ours')).toBe('other');
  });
});
