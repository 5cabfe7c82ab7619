/** The options of `detect`. */
import { z } from 'zod';
import { didYouMean } from '../../config/problem.ts';
import { duration } from '../../config/units.ts';
import type { Tier } from '../../src/detector/detector.ts';
import { activate, type DetectorConfig, type ShippedDetector } from '../../src/detector/options.ts';
import { OVERRUN_MS } from '../../src/detector/watch.ts';
import { defaultWindowOptions } from '../../src/window/options.ts';
import { readOwn, withOwn } from './own.ts';
import { type Suppression, suppression } from './suppress.ts';

/** `threads`: whether there is a module for workers. */
export function detectOptions(builtIn: readonly ShippedDetector[], threads: boolean) {
  return z
    .strictObject({
      tiers: z
        .array(z.literal([1, 2, 3]))
        .min(1)
        .default([1, 2, 3])
        .describe('Tiers to run: 1 structure and hashes, 2 change over time, 3 text.'),
      detectors: z
        .record(z.string(), z.union([z.record(z.string(), z.unknown()), z.null()]))
        .default({})
        .describe('Options by detector id; `enabled: false` switches one off, `emit_above` stands before that of `detect`.'),
      rules: z
        .array(z.string().min(1))
        .default([])
        .describe('Files of rules of your own (docs/rules.md); each rule is a detector.'),
      embedding: z
        .boolean()
        .default(true)
        .describe(
          'Keep the table of embeddings at hand for detectors that ask for it near a finding. One `detect` that says false takes it away for the process.',
        ),
      emit_above: z
        .number()
        .min(0)
        .max(1)
        .default(0.6)
        .describe('Least confidence of a finding that is handed on. 0.60 is where LIKELY begins.'),
      output: z.enum(['all', 'detections']).default('all').describe('`detections` lets only carrier spans out: for a tee.'),
      idle: duration('5m').describe('A window ends when no step has come for this long.'),
      grace: duration('10s').describe('How long the window of a trace stays open after its root.'),
      lateness: duration('10s').describe('How far out of order steps may come and still be folded in their place.'),
      max_age: duration('6h').describe('A window ends at this age, however busy.'),
      max_windows: z
        .int()
        .min(1)
        .max(10_000_000)
        .default(defaultWindowOptions.maxRuns)
        .describe('Open sessions and traces; beyond it the least recently used one is closed.'),
      max_bytes: z
        .int()
        .min(1_048_576)
        .default(defaultWindowOptions.maxTailBytes)
        .describe('Bytes of steps kept for late facts, all windows together.'),
      cooldown: duration('60s').describe('A growing finding is said again after this long at the soonest.'),
      mark_error: z.array(z.string()).default([]).describe('Detectors whose findings set the status of the span to ERROR.'),
      suppress: z.array(suppression).default([]).describe('Findings not to hand on until a date; they are counted.'),
      overrides: z
        .string()
        .optional()
        .describe(
          'An extension `settings`: what tenants have set by the API stands before `detectors`, in windows that open later.',
        ),
      storage: z
        .string()
        .optional()
        .describe('A file_storage in which windows and findings that are not handed on yet outlive the process.'),
      hold: duration('0s', { max: '5m' }).describe(
        'Keep spans back for this long, so that what is found about them meanwhile is written on them and not on a carrier span. Needs `storage`.',
      ),
      hold_bytes: z
        .int()
        .min(1_048_576)
        .default(64 * 1_048_576)
        .describe(
          'Bytes of spans kept back; beyond it the oldest are handed on before their time. The default is 16,000 spans of 4 KB.',
        ),
      hold_at_risk: z
        .boolean()
        .default(false)
        .describe('Keep spans back in memory only: what is kept back when the process is killed is lost.'),
      overrun: duration(`${OVERRUN_MS}ms`, { min: '1ms' }).describe(
        'A detector that takes longer for one step is off for that window; in several windows, for all. The default is a thousand times what all of them take at the 99th percentile.',
      ),
      workers: z
        .int()
        .min(0)
        .max(64)
        .default(0)
        .describe('Threads that run the detectors. 0 runs them in the thread that receives and forwards.'),
      wait: duration('25ms').describe(
        'With workers: how long a batch waits for what they find in it. What comes later goes as carriers.',
      ),
      deadline: duration('5s', { min: '100ms' }).describe(
        'With workers: one in which nothing moves for this long is ended and replaced, and the detector that ran last is off. Its windows go on from `storage`; without one they are lost.',
      ),
      openinference: z
        .boolean()
        .default(true)
        .describe('Write OpenInference annotations on carrier spans, so that Phoenix types them.'),
    })
    .superRefine((value, context) => {
      const own = readOwn(value.rules, builtIn);
      for (const { file, message } of own.problems) context.addIssue({ code: 'custom', path: ['rules', file], message });
      const shipped = withOwn(builtIn, own.rules);
      if (value.workers > 0 && !threads) {
        context.addIssue({ code: 'custom', path: ['workers'], message: 'must be 0 here: no module for workers was given.' });
      }
      for (const message of holdProblems(value)) context.addIssue({ code: 'custom', path: ['hold'], message });
      const { problems } = activate(shipped, { tiers: value.tiers, detectors: value.detectors as DetectorConfig });
      for (const { path, message, unknown } of problems) {
        context.addIssue({ code: 'custom', path: ['detectors', ...path], message, params: { key: unknown } });
      }
      const ids = shipped.map(({ detector }) => detector.meta.id as string);
      const known = (id: string, path: (string | number)[]): void => {
        if (ids.includes(id)) return;
        context.addIssue({ code: 'custom', path, message: `unknown detector, ${id}. ${didYouMean(id, ids)}` });
      };
      value.mark_error.forEach((id, i) => {
        known(id, ['mark_error', i]);
      });
      value.suppress.forEach(({ detector: id, message }, i) => {
        known(id, ['suppress', i, 'detector']);
        const messages = Object.keys(shipped.find(({ detector }) => detector.meta.id === id)?.detector.meta.messages ?? {});
        if (message === undefined || messages.length === 0 || messages.includes(message)) return;
        const what = `unknown message, ${message}. ${didYouMean(message, messages)}`;
        context.addIssue({ code: 'custom', path: ['suppress', i, 'message'], message: what });
      });
    });
}

function holdProblems({
  hold,
  storage,
  hold_at_risk,
  output,
}: Pick<DetectOptions, 'hold' | 'storage' | 'hold_at_risk' | 'output'>): string[] {
  if (hold === 0) return [];
  const problems: string[] = [];
  if (storage === undefined && !hold_at_risk) {
    problems.push(
      'spans that are kept back would be lost with the process. Name a file_storage as `storage`, or set `hold_at_risk: true`.',
    );
  }
  if (output === 'detections')
    problems.push('with `output: detections` no span is handed on that could be written on. Leave `hold` out.');
  return problems;
}

export interface DetectOptions {
  readonly hold: number;
  readonly hold_bytes: number;
  readonly hold_at_risk: boolean;
  readonly tiers: readonly Tier[];
  readonly detectors: unknown;
  readonly rules: readonly string[];
  readonly embedding: boolean;
  readonly emit_above: number;
  readonly output: 'all' | 'detections';
  readonly idle: number;
  readonly grace: number;
  readonly lateness: number;
  readonly max_age: number;
  readonly max_windows: number;
  readonly max_bytes: number;
  readonly cooldown: number;
  readonly mark_error: readonly string[];
  readonly suppress: readonly Suppression[];
  readonly overrides?: string | undefined;
  readonly storage?: string | undefined;
  readonly overrun: number;
  readonly workers: number;
  readonly wait: number;
  readonly deadline: number;
  readonly openinference: boolean;
}
