/**
 * dify_classifier_drift: a question classifier that no longer tells its classes apart: low confidence, a class that is not in its list, the fallback
 * class for a question of words, one class for everything, and over a session a distribution that moves away from what it was.
 */
import { type Context, defineDetector, type SpanRef } from '../../src/detector/detector.ts';
import type { Step } from '../../src/step/step.ts';
import { coverage, textFacts } from '../../src/text/facts.ts';

interface Result extends SpanRef {
  readonly label: string;
  readonly confidence: number;
  readonly input: string;
}

interface Classifier {
  readonly id: string;
  results: Result[];
  /** Labels of the first `BASE` results, and of all after them, by count. */
  base: Record<string, number>;
  later: Record<string, number>;
}

interface State {
  classifiers: Classifier[];
}

const options = {
  min_confidence: {
    type: 'number',
    text: 'Confidence below which a result is reported.',
    default: 0.6,
    min: 0,
    max: 1,
    source: 'Labelled healthy results have .72 and more, drifted ones mostly below .6.',
  },
  drift_at: {
    type: 'number',
    text: 'Distance of two label distributions (half the sum of differences) from which drift is reported.',
    default: 0.5,
    min: 0.1,
    max: 1,
    source: 'Half of the questions go to another class than before.',
  },
} as const;

const taxonomy = { mast: ['FM-2.3'], trail: ['Incorrect Problem Identification'], owasp: ['ASI10'], modes: ['F9'] } as const;

const messages = {
  uncertain: {
    text: "Classifier '{{node}}' chose '{{label}}' with a confidence of {{confidence}}.",
    tier: 1,
    severity: 'medium',
    impact: 'The question may be handled by the wrong branch.',
    action: 'Give the classes examples, merge those that overlap, and ask back when it is unsure.',
    taxonomy: taxonomy,
  },
  unlisted: {
    text: "Classifier '{{node}}' chose '{{label}}', which is none of its classes.",
    tier: 1,
    severity: 'high',
    impact: 'No branch is made for this answer.',
    action: 'Restrict the answer to the list of classes.',
    taxonomy: taxonomy,
  },
  fallback: {
    text: "Classifier '{{node}}' sent a question to '{{label}}'.",
    tier: 1,
    severity: 'low',
    impact: 'The question gets a general answer.',
    action: 'Look at what ends there, and add a class for it.',
    taxonomy: taxonomy,
  },
  one_class: {
    text: "Classifier '{{node}}' chose '{{label}}' for {{count}} different questions in a row.",
    tier: 2,
    severity: 'medium',
    impact: 'The classifier does not tell its classes apart any more.',
    action: 'Test it with questions of each class.',
    taxonomy: taxonomy,
  },
  drift: {
    text: "The classes that '{{node}}' chooses have moved by {{distance}} over the session.",
    tier: 2,
    severity: 'high',
    impact: 'Questions of the same kind are handled otherwise than before.',
    action: 'Compare prompt, model and classes with those of before; look at samples of the class that grew.',
    taxonomy: taxonomy,
  },
} as const;

type Ctx = Context<typeof options, typeof messages>;

const MAX_CLASSIFIERS = 8;
const MAX_RESULTS = 16;
const BASE = 10;
const fallbacks = [
  'general',
  'other',
  'others',
  'unknown',
  'default',
  'misc',
  'miscellaneous',
  'fallback',
  'none',
  'uncategorized',
  'general_inquiry',
  'general_support',
  'n/a',
];

export default defineDetector({
  meta: {
    id: 'dify_classifier_drift',
    family: 'dify',
    scope: 'session',
    version: 1,
    stateVersion: 1,
    needs: ['session.id'],
    summary: 'Finds Dify question classifiers that no longer tell their classes apart.',
    docs: {
      what: 'Each result of a classifier: its confidence, whether its class is listed, whether it is the class for everything else; one class for different questions in a row; and the distribution of classes in a session against that of its first ten results.',
      why: 'A classifier is the switch of the workflow; when it drifts, every branch gets the wrong work.',
      fix: 'Examples for each class, a class for the unsure, and a check of the distribution.',
      limits:
        'Whether a class is right is not known. A session about one thing has one class. Confidence is what the node states.',
      sources: ['https://docs.dify.ai'],
    },
    options,
    messages,
  },

  init: (): State | undefined => undefined,

  onStep(state, step, ctx) {
    const result = step.extra['classifier.result'];
    if (typeof result !== 'string' || result === '') return state;
    const next = state ?? { classifiers: [] };
    const id = String(step.extra['node.id'] ?? step.name).slice(0, 60);
    let one = next.classifiers.find((known) => known.id === id);
    if (!one) {
      one = { id, results: [], base: {}, later: {} };
      next.classifiers.push(one);
      if (next.classifiers.length > MAX_CLASSIFIERS) next.classifiers.shift();
    }
    take(one, step, result.slice(0, 60), ctx);
    oneClass(next, one, step, ctx);
    return next;
  },
});

function take(one: Classifier, step: Step, label: string, ctx: Ctx): void {
  const node = String(step.extra['node.name'] ?? step.name).slice(0, 60);
  const stated = step.extra['classifier.confidence'];
  const confidence = typeof stated === 'number' ? stated : -1;
  const input = String(step.extra['classifier.input'] ?? '').slice(0, 300);
  const classes = step.extra['classifier.classes'];
  const { traceId, spanId } = step;
  one.results = [...one.results, { traceId, spanId, label, confidence, input }].slice(-MAX_RESULTS);
  const names = Array.isArray(classes)
    ? classes.map((name) =>
        String(
          typeof name === 'object' && name !== null ? ((name as Record<string, unknown>)['name'] ?? '') : name,
        ).toLowerCase(),
      )
    : [];
  if (names.length > 0 && !names.includes(label.toLowerCase()))
    ctx.report('unlisted', { at: step, key: spanId, score: 0.9, data: { node, label } });
  else if (confidence >= 0 && confidence < ctx.options.min_confidence)
    ctx.report('uncertain', {
      at: step,
      key: spanId,
      score: Math.min(0.95, 0.65 + (ctx.options.min_confidence - confidence)),
      data: { node, label, confidence },
    });
  else if (fallbacks.includes(label.toLowerCase()) && textFacts(input).stems.size >= 4)
    ctx.report('fallback', {
      at: step,
      key: spanId,
      score: confidence >= 0 && confidence < 0.8 ? 0.65 : 0.5,
      data: { node, label },
    });
  drift(one, step, label, node, ctx);
}

function drift(one: Classifier, step: Step, label: string, node: string, ctx: Ctx): void {
  const first = total(one.base) < BASE;
  const into = first ? one.base : one.later;
  if (Object.keys(into).length < 32 || label in into) into[label] = (into[label] ?? 0) + 1;
  const [a, b] = [total(one.base), total(one.later)];
  if (b < BASE) return;
  let distance = 0;
  for (const name of new Set([...Object.keys(one.base), ...Object.keys(one.later)]))
    distance += Math.abs((one.base[name] ?? 0) / a - (one.later[name] ?? 0) / b) / 2;
  if (distance >= ctx.options.drift_at)
    ctx.report('drift', {
      at: step,
      key: one.id,
      score: Math.min(0.95, 0.6 + distance / 3),
      data: { node, distance: Math.round(distance * 100) / 100 },
    });
}

/** Different questions, one answer: over all classifiers of the run, which are often copies of one. */
function oneClass(state: State, one: Classifier, step: Step, ctx: Ctx): void {
  const results = state.classifiers.flatMap(({ results: list }) => list).slice(-4);
  const [first] = results;
  if (results.length < 3 || first === undefined || results.some(({ label }) => label !== first.label)) return;
  const different = results.slice(1).every((result) => coverage(textFacts(result.input), textFacts(first.input)) < 0.5);
  const sure = results.every(({ confidence }) => confidence >= 0.85);
  if (different && !sure)
    ctx.report('one_class', {
      at: step,
      key: one.id,
      evidence: results,
      score: 0.75,
      data: { node: one.id, label: first.label, count: results.length },
    });
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
