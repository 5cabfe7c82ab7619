/**
 * The table test of a detector, harsher than its author. Besides the cases given it asks for: a
 * near-miss quiet case, every message fired, every option moved, no case twice, the same answer when
 * steps come late, twice or shuffled, and metadata that is complete.
 */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { AnyDetector, MessageSpec, OptionSpec } from '../detector.ts';
import { type StepLike, spanIdAt, toSteps } from './builders.ts';
import { fold, type OptionsGiven, type Said } from './fold.ts';
import { readScenarios, scenarioSteps } from './scenario.ts';

export interface QuietCase {
  readonly name: string;
  readonly steps: readonly StepLike[];
  readonly options?: OptionsGiven;
  /** One step away from firing. */
  readonly nearMiss?: boolean;
}

export interface Expected {
  readonly message: string;
  /** 1-based place of the step in the case. */
  readonly at?: number;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly severity?: string;
}

export interface FiresCase extends Omit<QuietCase, 'nearMiss'> {
  readonly expect: readonly Expected[];
}

export interface DetectorCases {
  readonly quiet: readonly QuietCase[];
  readonly fires: readonly FiresCase[];
}

const ids = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;

/** Registers the tests. `testFile` is `import.meta.url`: the scenarios beside it are played too. */
export function testDetector(detector: AnyDetector, cases: DetectorCases, testFile?: string): void {
  const { meta } = detector;
  describe(`detector ${meta.id}`, () => {
    describe('is quiet', () => {
      for (const one of cases.quiet) {
        test(one.name, () => {
          expect(fold(detector, toSteps(one.steps), one.options).map(shown)).toEqual([]);
        });
      }
    });
    describe('fires', () => {
      for (const one of cases.fires) {
        test(one.name, () => {
          check(fold(detector, toSteps(one.steps), one.options), one.expect);
        });
      }
    });
    if (testFile !== undefined) playFile(detector, testFile);
    test('the table is complete', () => {
      requireCompleteTable(detector, cases);
    });
    test('late, repeated and shuffled steps give the same answer', () => {
      for (const one of [...cases.fires, ...cases.quiet]) requireOrderFree(detector, one);
    });
    test('metadata is complete', () => {
      requireMetadata(detector);
    });
  });
}

function playFile(detector: AnyDetector, testFile: string): void {
  const file = new URL(`./${detector.meta.id}.scenarios.yaml`, testFile);
  if (!existsSync(file)) throw new Error(`${detector.meta.id}: there is no ${detector.meta.id}.scenarios.yaml beside the test.`);
  describe('scenarios', () => {
    for (const scenario of readScenarios(readFileSync(file, 'utf8'), `${detector.meta.id}.scenarios.yaml`)) {
      test(scenario.name, () => {
        const said = fold(detector, scenarioSteps(scenario), scenario.options);
        check(said, scenario.expect);
      });
    }
  });
}

/** Exactly the expected findings, in any order. */
export function check(said: readonly Said[], expected: readonly Expected[]): void {
  const left = [...said];
  for (const one of expected) {
    const at = one.at === undefined ? undefined : spanIdAt(one.at);
    const found = left.findIndex((finding) => finding.message === one.message && (at === undefined || finding.at.spanId === at));
    if (found < 0) throw new Error(`expected ${JSON.stringify(one)}; said: ${JSON.stringify(said.map(shown))}`);
    const [finding] = left.splice(found, 1) as [Said];
    if (one.data) expect(finding.data).toMatchObject(one.data);
    if (one.severity !== undefined) expect(finding.severity).toBe(one.severity);
  }
  expect(left.map(shown)).toEqual([]);
}

export function shown(said: Said): string {
  return `${said.message} @${Number.parseInt(said.at.spanId, 16)} ${said.score.toFixed(2)} ${said.text}`;
}

/** Throws with everything that the table lacks. */
export function requireCompleteTable(detector: AnyDetector, cases: DetectorCases): void {
  const lacks: string[] = [];
  if (!cases.quiet.some((one) => one.nearMiss)) lacks.push('no quiet case is marked nearMiss');
  const fired = new Set(cases.fires.flatMap((one) => one.expect.map((expected) => expected.message)));
  for (const message of Object.keys(detector.meta.messages))
    if (!fired.has(message)) lacks.push(`message '${message}' is never fired`);
  for (const message of fired) if (!(message in detector.meta.messages)) lacks.push(`message '${message}' does not exist`);
  const moved = new Set([...cases.quiet, ...cases.fires].flatMap((one) => Object.keys(one.options ?? {})));
  for (const option of Object.keys(detector.meta.options))
    if (!moved.has(option)) lacks.push(`option '${option}' is never moved`);
  for (const option of moved) if (!(option in detector.meta.options)) lacks.push(`option '${option}' does not exist`);
  const seen = new Map<string, string>();
  for (const one of [...cases.quiet, ...cases.fires]) {
    const text = JSON.stringify([one.steps, one.options ?? {}]);
    const twin = seen.get(text);
    if (twin !== undefined) lacks.push(`'${one.name}' is the same case as '${twin}'`);
    seen.set(text, one.name);
    if (one.steps.length === 0) lacks.push(`'${one.name}' has no steps`);
  }
  const names = [...cases.quiet, ...cases.fires].map((one) => one.name);
  for (const name of names) if (names.indexOf(name) !== names.lastIndexOf(name)) lacks.push(`the name '${name}' stands twice`);
  if (lacks.length > 0) throw new Error(`${detector.meta.id}: ${[...new Set(lacks)].join('; ')}.`);
}

function requireOrderFree(detector: AnyDetector, one: QuietCase): void {
  const steps = toSteps(one.steps);
  const straight = fold(detector, steps, one.options);
  const last = steps[steps.length - 1];
  const again = {
    'late first step': [...steps.slice(1), ...steps.slice(0, 1)],
    'every step twice': [...steps, ...steps],
    reversed: [...steps].reverse(),
  };
  for (const [how, order] of Object.entries(again)) {
    if (last === undefined) continue;
    expect(fold(detector, order, one.options), `${one.name}: ${how}`).toEqual(straight);
  }
  expect(fold(detector, seededShuffle(steps), one.options), `${one.name}: shuffled`).toEqual(straight);
}

function seededShuffle<T>(items: readonly T[]): T[] {
  const result = [...items];
  let seed = 7;
  for (let i = result.length - 1; i > 0; i--) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    const k = seed % (i + 1);
    [result[i], result[k]] = [result[k] as T, result[i] as T];
  }
  return result;
}

/** Throws with everything that is missing or malformed in the metadata. */
export function requireMetadata(detector: AnyDetector): void {
  const { meta } = detector;
  const wrong: string[] = [];
  if (!ids.test(meta.id)) wrong.push(`id '${meta.id}' is not lower_snake_case`);
  if (!/^Finds [^.]+\.$/.test(meta.summary)) wrong.push(`summary '${meta.summary}' is not one sentence that starts with 'Finds'`);
  for (const part of ['what', 'why', 'fix', 'limits'] as const)
    if (meta.docs[part].length < 20) wrong.push(`docs.${part} is empty`);
  if (meta.docs.sources.length === 0) wrong.push('docs.sources is empty');
  if (meta.needs.length === 0) wrong.push('needs is empty: a detector that needs nothing cannot say that it was blind');
  for (const [name, message] of Object.entries(meta.messages as Readonly<Record<string, MessageSpec>>)) {
    if (!ids.test(name)) wrong.push(`message '${name}' is not lower_snake_case`);
    if (!/^[A-Z'].*\.$/.test(message.text))
      wrong.push(`message '${name}': '${message.text}' must start with a capital or a quote and end with a full stop`);
    if (message.text.includes('may have') || message.text.includes('possibly')) wrong.push(`message '${name}' hedges`);
    if (message.impact === '' || message.action === '') wrong.push(`message '${name}' has no impact or action`);
    if (Object.values(message.taxonomy).flat().length === 0) wrong.push(`message '${name}' has no taxonomy`);
  }
  for (const [name, option] of Object.entries(meta.options as Readonly<Record<string, OptionSpec>>)) {
    if (!ids.test(name) || name === 'enabled') wrong.push(`option '${name}' is not lower_snake_case, or reserved`);
    if (!/^[A-Z].*\.$/.test(option.text)) wrong.push(`option '${name}': its text is not a sentence`);
    if (option.source === '') wrong.push(`option '${name}' does not say where its default comes from`);
    if ('min' in option && (option.default < option.min || option.default > option.max))
      wrong.push(`option '${name}': default outside its bounds`);
  }
  if (wrong.length > 0) throw new Error(`${meta.id}: ${wrong.join('; ')}.`);
}
