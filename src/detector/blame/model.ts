/** The utility of a turn: fitted weights by topology, a rule where nothing is fitted, and the sentence that says which of them decided. */
import fit from './blame.fit.json' with { type: 'json' };
import { type Described, type FeatureName, featureNames, featureOf } from './features.ts';
import { changesSomething, type Run } from './turns.ts';

/** Agents that talk in turn, agents that a planner calls, one agent with tools that change something. */
export type Topology = 'chat' | 'dispatch' | 'calls';

/** Weight of the value and of half its z-score within the run. */
type Weights = Readonly<Partial<Record<FeatureName, readonly [number, number]>>>;

const weights: Readonly<Record<'chat' | 'dispatch', Weights>> = fit as unknown as Record<'chat' | 'dispatch', Weights>;

/** What a rule is worth where nothing is fitted. Less than a HIGH finding, more than a POSSIBLE one. */
const RULE = 1;
/** Another change of the same run. */
const CHANGE = 0.5;

export function topologyOf({ planner, turns }: Run): Topology {
  if (planner !== undefined) return 'dispatch';
  return turns.some(changesSomething) ? 'calls' : 'chat';
}

/** Raw features and half their z-scores within the run, features by features. */
export function inputsOf(rows: readonly Described[]): Float64Array[] {
  const n = featureNames.length;
  const mean = new Float64Array(n);
  const spread = new Float64Array(n);
  for (const { x } of rows) for (let j = 0; j < n; j++) mean[j] = (mean[j] as number) + (x[j] as number) / rows.length;
  for (const { x } of rows)
    for (let j = 0; j < n; j++) spread[j] = (spread[j] as number) + ((x[j] as number) - (mean[j] as number)) ** 2 / rows.length;
  return rows.map(({ x }) => {
    const input = new Float64Array(2 * n);
    for (let j = 0; j < n; j++) {
      input[2 * j] = x[j] as number;
      const deviation = Math.sqrt(spread[j] as number);
      input[2 * j + 1] = deviation > 1e-9 ? (0.5 * ((x[j] as number) - (mean[j] as number))) / deviation : 0;
    }
    return input;
  });
}

/** The utility of every row; only differences within the run mean something. */
export function utilities(run: Run, rows: readonly Described[]): number[] {
  const topology = topologyOf(run);
  if (topology === 'calls')
    return byChange(run, rows).map((reason) => (reason === undefined ? 0 : reason === OTHER ? CHANGE : RULE));
  const own = weights[topology];
  return inputsOf(rows).map((input) => featureNames.reduce((sum, name, j) => sum + part(own, input, name, j), 0));
}

function part(own: Weights, input: Float64Array, name: FeatureName, j: number): number {
  const [raw, z] = own[name] ?? [0, 0];
  return raw * (input[2 * j] as number) + z * (input[2 * j + 1] as number);
}

export interface Reason {
  readonly text: string;
  /** True if something in the run speaks for the step, false if only its place or role does. */
  readonly evidence: boolean;
}

const REFUSED_LATER: Reason = { text: 'A change is refused after this one went through.', evidence: true };
const REFUSED: Reason = { text: 'The change asked for here is refused.', evidence: true };
const LAST: Reason = { text: 'This is the last change that the run makes.', evidence: false };
const OTHER: Reason = { text: 'Something is changed here.', evidence: false };
const NOTHING: Reason = { text: 'Nothing speaks for this step more than for another one.', evidence: false };
const PLACE: Reason = { text: 'Its place in the run speaks for it; nothing in its text does.', evidence: false };

/**
 * By row the reason to blame it as a change. One is to blame: if a change was refused, the last one before it that went through (it may
 * have closed the way), else the first refused one; if none was refused, the last one.
 */
function byChange({ turns, placeOf }: Run, rows: readonly Described[]): (Reason | undefined)[] {
  const refused = new Set(turns.flatMap(({ step, answer }) => (answer === 'failed' ? [placeOf.get(step.spanId)] : [])));
  const changes = rows.flatMap(({ turn, place }, i) => (changesSomething(turn) ? [{ i, failed: refused.has(place) }] : []));
  const lastRefused = changes.findLastIndex(({ failed }) => failed);
  const through = changes.slice(0, Math.max(0, lastRefused)).findLast(({ failed }) => !failed);
  const chosen = lastRefused < 0 ? changes[changes.length - 1] : (through ?? changes.find(({ failed }) => failed));
  const reason = lastRefused < 0 ? LAST : through ? REFUSED_LATER : REFUSED;
  const reasons = new Array<Reason | undefined>(rows.length).fill(undefined);
  for (const { i } of changes) reasons[i] = i === chosen?.i ? reason : OTHER;
  return reasons;
}

/** What a feature says for the step, if it is the one that decided. */
const sentences: Readonly<Partial<Record<FeatureName, string>>> = {
  first: 'It is the first step of the run.',
  second: 'It is the first step after the brief.',
  last: 'It is the last step of the run.',
  length: 'It says far more than the other steps.',
  code: 'It writes much code.',
  first_code: 'The first code of the run is written here.',
  first_claim: 'The first claims that nothing before supports are made here.',
  drift: 'The task is restated here as another one.',
  hedges: 'It assumes, estimates or makes up what it does not know.',
  new_numbers: 'It brings in numbers that nobody gave.',
  new_names: 'It brings in names that nobody gave.',
  origin: 'Values of the final answer come from here.',
  failed_after: 'What it gave to execute fails.',
  empty_after: 'What it gave to execute returns nothing.',
  objected_after: 'The next step objects to it.',
  verifies: 'It says that something is verified.',
  concludes: 'It draws the conclusion.',
  reports_error: 'It reports an error.',
  planner: 'The planner decides here.',
  first_worker: 'It is the first work that the planner asked for.',
  second_worker: 'It is the second piece of work that the planner asked for.',
  third_worker: 'It is the third piece of work that the planner asked for.',
  last_worker: 'It is the last work before the end.',
  satisfied_after: 'The planner takes the request as satisfied after it.',
  stalled_after: 'The planner sees no progress after it.',
  instruction_kept: 'It answers the instruction, on which the outcome rests.',
  unsourced: 'It claims without any tool.',
};

const priors: ReadonlySet<FeatureName> = new Set([
  'first',
  'second',
  'last',
  'place',
  'length',
  'planner',
  'first_worker',
  'second_worker',
  'third_worker',
  'last_worker',
]);

/** What spoke most for a row, against the average of its run. */
export function reasonOf(run: Run, rows: readonly Described[], i: number): Reason {
  const topology = topologyOf(run);
  if (topology === 'calls') return byChange(run, rows)[i] ?? NOTHING;
  const own = weights[topology];
  const inputs = inputsOf(rows);
  let best = PLACE;
  let most = 0;
  featureNames.forEach((name, j) => {
    const text = sentences[name];
    if (text === undefined || featureOf(rows[i] as Described, name) <= 0) return;
    const mean = inputs.reduce((sum, input) => sum + part(own, input, name, j), 0) / inputs.length;
    const lead = part(own, inputs[i] as Float64Array, name, j) - mean;
    if (lead > most) {
      most = lead;
      best = { text, evidence: !priors.has(name) };
    }
  });
  return best;
}
