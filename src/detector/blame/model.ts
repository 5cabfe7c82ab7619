/** The utility of a turn: fitted weights by topology, a rule where nothing is fitted, and the sentence that says which of them decided. */
import fit from './blame.fit.json' with { type: 'json' };
import { type Described, type FeatureName, featureNames, valueOf } from './features.ts';
import type { Run } from './turns.ts';

/** Agents that talk in turn, agents that a planner calls, one agent with tools that change something. */
export type Topology = 'chat' | 'dispatch' | 'calls';

/** Weight of the value and of half its z-score within the run. */
type Weights = Readonly<Partial<Record<FeatureName, readonly [number, number]>>>;

const weights: Readonly<Record<'chat' | 'dispatch', Weights>> = fit as unknown as Record<'chat' | 'dispatch', Weights>;

/** What the pick of a rule is worth where nothing is fitted, and a call of a tool that changes something. */
const PICK = 1;
const CHANGE = 0.5;
const changes =
  /^(modify|exchange|return|update|cancel|create|delete|remove|send|write|book|pay|refund|transfer|submit|insert|set|add|post|put|replace|edit|move|buy|order|place)([_\-. A-Z]|$)/;

export function topologyOf({ planner, turns }: Run): Topology {
  if (planner !== undefined) return 'dispatch';
  return turns.some(({ calls }) => calls.some(changesSomething)) ? 'calls' : 'chat';
}

/** True for a tool whose name begins with a verb of change. */
export function changesSomething(tool: string): boolean {
  return changes.test(tool);
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

export function utilities(run: Run, rows: readonly Described[]): number[] {
  const topology = topologyOf(run);
  if (topology === 'calls') return byChange(rows);
  const own = weights[topology];
  if (Object.keys(own).length === 0) return rows.map((row) => PICK * valueOf(row, 'pick'));
  return inputsOf(rows).map((input) => {
    let sum = 0;
    featureNames.forEach((name, j) => {
      const [raw, z] = own[name] ?? [0, 0];
      sum += raw * (input[2 * j] as number) + z * (input[2 * j + 1] as number);
    });
    return sum;
  });
}

/** The last change is what the run leaves behind; earlier ones after it. */
function byChange(rows: readonly Described[]): number[] {
  const at = rows.flatMap(({ turn }, i) => (turn.calls.some(changesSomething) ? [i] : []));
  const last = at[at.length - 1];
  return rows.map((_, i) => (i === last ? PICK : at.includes(i) ? CHANGE : 0));
}

const sentences: Readonly<Partial<Record<FeatureName, string>>> = {
  pick: 'The run first leaves what is known here.',
};

/** What spoke most for a row. */
export function reasonOf(run: Run, rows: readonly Described[], i: number): string {
  const topology = topologyOf(run);
  if (topology === 'calls')
    return (rows[i] as Described).turn.calls.some(changesSomething)
      ? 'A call here changes something, and no later one does.'
      : 'Nothing else speaks for a step.';
  return sentences.pick ?? '';
}
