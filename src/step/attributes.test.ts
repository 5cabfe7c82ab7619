import { describe, expect, it } from 'vitest';
import { attributes, isRegistered } from './attributes.ts';

describe('the registry of misstep.* attributes', () => {
  it('names every key once, under misstep., with a sentence', () => {
    expect(new Set(attributes.map((entry) => entry.key)).size).toBe(attributes.length);
    for (const { key, text, on } of attributes) {
      expect(key).toMatch(/^misstep\.[a-z_.]+\*?$/);
      expect(text).toMatch(/^[A-Za-z0-9].*\.$/);
      expect(on.length).toBeGreaterThan(0);
    }
  });

  it.each([
    ['misstep.limit.context_window', true],
    ['misstep.detection.id', true],
    ['misstep.detection.data.count', true],
    ['misstep.limits', false],
    ['gen_ai.agent.name', false],
  ])('%s: %s', (key, known) => {
    expect(isRegistered(key)).toBe(known);
  });
});
