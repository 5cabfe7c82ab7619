import { describe, expect, test } from 'vitest';
import type { TenantSettings } from '../../src/component/settings.ts';
import { neutralThresholds } from '../../src/detector/thresholds.ts';
import { patched, replaced, type ThresholdsBody, wireThresholds } from './thresholds.ts';

const none: TenantSettings = { global: { thresholds: {}, detectors: {} }, frameworks: {}, suppressions: [] };
const one = (thresholds: object = {}, detectors: object = {}) => ({ thresholds, detectors }) as TenantSettings['global'];
const set: TenantSettings = {
  global: one({ semantic_threshold: 0.9 }, { loop: { min_repeats: 4 } }),
  frameworks: { n8n: one({ min_matches_for_loop: 4 }, { loop: { min_cycles: 5 } }) },
  suppressions: [],
};

describe('PUT: a part that is given stands in the place of the whole part', () => {
  test.each<[string, ThresholdsBody, Partial<TenantSettings>]>([
    ['nothing', {}, set],
    [
      'global',
      { global_thresholds: { structural_threshold: 0.7 } },
      { global: one({ structural_threshold: 0.7 }, set.global.detectors) },
    ],
    ['an empty global', { global_thresholds: {} }, { global: one({}, set.global.detectors) }],
    [
      'frameworks, the others are gone',
      { framework_thresholds: { dify: { min_matches_for_loop: 3 } } },
      {
        frameworks: { n8n: one({}, { loop: { min_cycles: 5 } }), dify: one({ min_matches_for_loop: 3 }) },
      },
    ],
    ['detectors of frameworks', { framework_detectors: {} }, { frameworks: { n8n: one({ min_matches_for_loop: 4 }) } }],
    [
      'a framework without anything',
      { framework_thresholds: { dify: {} } },
      { frameworks: { n8n: one({}, { loop: { min_cycles: 5 } }) } },
    ],
  ])('%s', (_, body, changed) => expect(replaced(set, body)).toEqual({ ...set, ...changed }));
});

describe('PATCH: a field that is given', () => {
  test.each<[string, ThresholdsBody, Partial<TenantSettings>]>([
    ['nothing', {}, set],
    [
      'another',
      { global_thresholds: { structural_threshold: 0.7 } },
      {
        global: one({ semantic_threshold: 0.9, structural_threshold: 0.7 }, set.global.detectors),
      },
    ],
    ['null takes back', { global_thresholds: { semantic_threshold: null } }, { global: one({}, set.global.detectors) }],
    [
      'an option',
      { detectors: { loop: { min_cycles: 6 } } },
      { global: one(set.global.thresholds, { loop: { min_repeats: 4, min_cycles: 6 } }) },
    ],
    ['an option to null', { detectors: { loop: { min_repeats: null } } }, { global: one(set.global.thresholds) }],
    ['a detector to null', { detectors: { loop: null } }, { global: one(set.global.thresholds) }],
    [
      'all that a framework has',
      { framework_thresholds: { n8n: { min_matches_for_loop: null } }, framework_detectors: { n8n: { loop: null } } },
      {
        frameworks: {},
      },
    ],
    [
      'a framework called constructor',
      { framework_thresholds: { constructor: { min_matches_for_loop: 3 } } as never },
      {
        frameworks: { ...set.frameworks, constructor: one({ min_matches_for_loop: 3 }) } as never,
      },
    ],
  ])('%s', (_, body, changed) => expect(patched(set, body)).toEqual({ ...set, ...changed }));
});

test('on the wire every field is as it is in force', () => {
  expect(wireThresholds(none)).toEqual({
    global_thresholds: neutralThresholds,
    framework_thresholds: {},
    detectors: {},
    framework_detectors: {},
    is_default: true,
  });
  expect(wireThresholds(set)).toMatchObject({
    global_thresholds: { ...neutralThresholds, semantic_threshold: 0.9 },
    framework_thresholds: { n8n: { ...neutralThresholds, semantic_threshold: 0.9, min_matches_for_loop: 4 } },
    framework_detectors: { n8n: { loop: { min_cycles: 5 } } },
    is_default: false,
  });
});
