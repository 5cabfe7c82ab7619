/** `misstep tune`: what labels say about the least confidence to hand on, as a table in words and a diff of the configuration. */
import { readFile } from 'node:fs/promises';
import { text as read } from 'node:stream/consumers';
import { type Command, InvalidArgumentError } from 'commander';
import {
  diffOf,
  type Label,
  MIN_SAMPLES,
  type Recommendation,
  recommend,
  type Share,
  TARGET,
  yamlOf,
} from '../../extensions/api/recommend.ts';
import { type ApiOptions, apiOptions, askApi } from './api-client.ts';

interface TuneOptions extends ApiOptions {
  readonly labels?: string;
  readonly minSamples: number;
  readonly target: number;
  readonly threshold: number;
  readonly framework?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('tune')
    .description('Read what people said of detections and recommend thresholds; nothing is changed.');
  apiOptions(command)
    .option('--labels <file>', 'labels as JSON lines instead of the API; - reads stdin')
    .option(
      '--min-samples <n>',
      `labels of a detector below which nothing is said, at least ${MIN_SAMPLES}`,
      samples,
      MIN_SAMPLES,
    )
    .option('--target <share>', 'precision that the lower 95 % bound is to reach, .5 to .99', between(0.5, 0.99), TARGET)
    .option('--threshold <share>', 'with --labels: emit_above of now, 0 to 1', between(0, 1), 0.6)
    .option('--framework <name>', 'with the API: labels of traces of this framework alone')
    .option('--json', 'print the recommendations as JSON')
    .addHelpText(
      'after',
      `
A line of --labels: {"detector": "loop", "confidence": 0.72, "correct": true}, or an item of GET /api/v1/feedback.

Examples:
  misstep tune                                  labels of the running misstep
  misstep tune --labels labels.jsonl --target 0.8`,
    )
    .action(async (options: TuneOptions) => {
      const said = options.labels === undefined ? await fromApi(options) : await fromFile(options.labels, options);
      process.stdout.write(options.json ? `${JSON.stringify(said, null, 2)}\n` : asText(said));
    });
}

interface Said {
  readonly recommendations: readonly Recommendation[];
  readonly yaml: string;
  readonly diff: string;
  readonly reason: string;
}

async function fromApi(options: TuneOptions): Promise<Said> {
  const { minSamples, target, framework } = options;
  const query = new URLSearchParams({ min_samples: String(minSamples), target: String(target) });
  if (framework !== undefined) query.set('framework', framework);
  const reply = (await askApi(options, 'GET', `/feedback/recommendations?${query}`)) as Omit<Said, 'recommendations'> & {
    readonly recommendations: readonly (Omit<Recommendation, 'detector' | 'recommended'> & {
      readonly detection_type: string;
      readonly recommended_threshold: number | null;
    })[];
  };
  return {
    ...reply,
    recommendations: reply.recommendations.map(({ detection_type, recommended_threshold, ...rest }) => ({
      detector: detection_type,
      recommended: recommended_threshold,
      ...rest,
    })),
  };
}

async function fromFile(file: string, { minSamples, target, threshold }: TuneOptions): Promise<Said> {
  const labels = labelsOf(file === '-' ? await read(process.stdin) : await readFile(file, 'utf8'));
  const recommendations = recommend(labels, { minSamples, target, thresholdOf: () => threshold });
  return {
    recommendations,
    yaml: yamlOf(recommendations),
    diff: diffOf(recommendations, () => undefined),
    reason: `${labels.length} labels.`,
  };
}

/** Throws with the line that is none. */
export function labelsOf(text: string): Label[] {
  return text.split('\n').flatMap((line, i) => {
    if (line.trim() === '') return [];
    const label = labelOf(line);
    if (typeof label === 'string') throw new Error(`Line ${i + 1} of the labels ${label}: ${line.trim().slice(0, 80)}`);
    return [label];
  });
}

/** Or what is wrong with it. */
function labelOf(line: string): Label | string {
  let value: Readonly<Record<string, unknown>>;
  try {
    value = JSON.parse(line) as typeof value;
  } catch {
    return 'is no JSON';
  }
  if (typeof value !== 'object' || value === null) return 'is no object';
  // As GET /feedback gives it, confidence is a whole percent.
  const wire = 'is_correct' in value;
  const detector = wire ? value['detection_type'] : value['detector'];
  const correct = wire ? value['is_correct'] : value['correct'];
  const given = value['confidence'];
  if (typeof detector !== 'string' || detector === '') return `has no '${wire ? 'detection_type' : 'detector'}'`;
  if (typeof correct !== 'boolean') return "has no 'correct' that is true or false";
  const confidence = typeof given === 'number' ? given / (wire ? 100 : 1) : Number.NaN;
  if (!(confidence >= 0 && confidence <= 1)) return `has no 'confidence' from 0 to ${wire ? 100 : 1}`;
  return { detector, confidence, correct };
}

function asText({ recommendations, diff, reason }: Said): string {
  const lines = recommendations.flatMap(({ detector, action, recommended, threshold, now, predicted, reason: why }) => {
    const head = recommended === null ? action : `${action} emit_above ${fixed(threshold)} -> ${fixed(recommended)}`;
    return [
      `${detector}: ${head}. ${why}`,
      `  now        ${shown(now)}`,
      ...(predicted === null
        ? []
        : [
            `  predicted  ${shown(predicted)}; right findings lost: ${predicted.true_positives_lost}, wrong ones gone: ${predicted.false_positives_removed}`,
          ]),
    ];
  });
  if (recommendations.length === 0) lines.push('There are no labels. Judge detections by PUT /api/v1/detections/{id}/validate.');
  return `${[...lines, '', reason, ...(diff === '' ? [] : ['', diff.trimEnd()])].join('\n')}\n`;
}

function shown({ correct, samples, precision, low, high }: Share): string {
  return precision === null ? 'no labels' : `${correct} of ${samples} right, ${fixed(precision)} (${fixed(low)}-${fixed(high)})`;
}

function fixed(share: number): string {
  return share.toFixed(2);
}

function between(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= low && value <= high))
      throw new InvalidArgumentError(`Must be a number from ${low} to ${high}.`);
    return value;
  };
}

function samples(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) < MIN_SAMPLES)
    throw new InvalidArgumentError(`Must be a whole number from ${MIN_SAMPLES} to 10000.`);
  return Math.min(10_000, Number(text));
}
