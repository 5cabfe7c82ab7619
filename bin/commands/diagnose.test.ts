import { describe, expect, test } from 'vitest';
import type { DetectFacts, DetectorFacts } from '../../processors/detect/account.ts';
import { diagnose, type Verdict } from './diagnose.ts';
import type { StatusPage } from './status.ts';
import { supplies } from './supplies.ts';

const none = { fail: 0, pass: 0, insufficient_data: 0, error: 0 };
const facts: DetectorFacts = {
  state: 'on',
  needs: ['tool.name', 'tool.result'],
  tiers: [3],
  windows: none,
  reasons: {},
  open: { windows: none, reasons: {} },
  handed_on: 0,
  below_emit_above: 0,
  best_below: null,
  suppressed: 0,
  error: null,
  step_us: null,
  timed_steps: 0,
};
const blind = { windows: { ...none, insufficient_data: 3 }, reasons: { 'no tool.result': 3 } };

function said(own: Partial<DetectorFacts>, detect: Partial<DetectFacts> = {}) {
  const all = { emit_above: 0.6, spans: 9, steps: 9, windows_open: 1, detectors: { loop: { ...facts, ...own } }, ...detect };
  const receivers = [{ receiver: 'otlp', transport: 'http', signal: 'traces', accepted: detect.spans ?? 9, refused: 0 }];
  return diagnose(
    { receivers, detect: { 'processor:detect/a@traces': all } } as unknown as StatusPage,
    'processor:detect/a@traces',
    'loop',
  );
}

describe('the first cause that holds', () => {
  test.each<[Verdict, Partial<DetectorFacts>, Partial<DetectFacts>, RegExp]>([
    ['off', { state: 'off', handed_on: 1 }, {}, /processors\.detect\/a\.detectors\.loop/],
    ['tier off', { state: 'tier_off' }, {}, /tier 3[\s\S]*processors\.detect\/a\.tiers/],
    ['fired', { handed_on: 2, suppressed: 1 }, {}, /2 findings handed on/],
    ['no spans', {}, { spans: 0, steps: 0 }, /OTEL_EXPORTER_OTLP_ENDPOINT/],
    ['no agent spans', {}, { spans: 5, steps: 0 }, /5 spans passed, and none is a step/],
    ['suppressed', { suppressed: 1, below_emit_above: 1 }, {}, /1 finding held back by processors\.detect\/a\.suppress/],
    ['below', { below_emit_above: 4, best_below: 0.55 }, {}, /4 findings below emit_above 0\.6; the surest had 0\.55/],
    ['failed', { windows: { ...none, error: 1 }, error: 'boom' }, {}, /switched off in 1 window: boom/],
    ['blind', blind, {}, /blind in 3 windows: no tool\.result[\s\S]*gen_ai\.tool\.call\.result[\s\S]*CAPTURE_MESSAGE_CONTENT/],
    ['blind', { open: blind }, {}, /So far it is blind in 3 open windows/],
    ['waiting', { open: { ...blind, windows: { ...blind.windows, pass: 1 } } }, {}, /no window has closed/],
    ['nothing found', { windows: { ...none, pass: 7 } }, {}, /looked at 7 windows and found nothing\.$/],
    ['nothing found', { ...blind, windows: { ...blind.windows, pass: 1 } }, {}, /looked at 1 window[\s\S]*blind in 3 windows/],
  ])('%s', (verdict, own, detect, text) => {
    const one = said(own, detect);
    expect(one.verdict).toBe(verdict);
    expect([one.cause, ...one.todo].join('\n')).toMatch(text);
  });
});

test('only facts that are content ask for content capture; unknown facts say nothing', () => {
  expect(supplies(['tokens', 'constructor'])).toEqual([expect.stringMatching(/^tokens: gen_ai\.usage/)]);
  expect(supplies(['documents'])).toHaveLength(2);
});
