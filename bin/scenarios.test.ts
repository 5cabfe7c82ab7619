// Every scenario of every detector, played through every dialect and both wire formats: encode, receive,
// walk, normalise, fold in the real host. The findings must be those of the scenario, whatever it was said in.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { AnyDetector } from '../src/detector/detector.ts';
import type { Finding } from '../src/detector/finding.ts';
import { DetectorHost } from '../src/detector/host.ts';
import { activate } from '../src/detector/options.ts';
import { spanIdAt } from '../src/detector/testing/builders.ts';
import { dialects, playScenario } from '../src/detector/testing/encode.ts';
import { readScenarios, type Scenario } from '../src/detector/testing/scenario.ts';
import { dialectKeys } from '../src/dialects/keys.ts';
import { documentToProtobuf, jsonToProtobuf } from '../src/otlp/json.ts';
import { walkTraces } from '../src/otlp/traces.ts';

const root = join(import.meta.dirname, '../detectors');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.scenarios.yaml'));

/** Both doors end in protobuf; JSON text takes the one for text. */
const wires = {
  protobuf: (document: unknown) => documentToProtobuf('traces', document).body,
  json: (document: unknown) => jsonToProtobuf('traces', JSON.stringify(document)).body,
};

function play(detector: AnyDetector, scenario: Scenario, bodies: readonly Uint8Array[]): Finding[] {
  const { active, problems } = activate([{ detector }], { detectors: { [detector.meta.id]: scenario.options } });
  expect(problems).toEqual([]);
  const failures: unknown[] = [];
  const host = new DetectorHost({ detectors: active, onError: (_detector, _window, error) => failures.push(error) });
  const last = new Map<string, Finding>();
  const take = (emissions: ReturnType<DetectorHost['end']>) => {
    for (const { finding, label } of emissions) label === 'withdrawn' ? last.delete(finding.id) : last.set(finding.id, finding);
  };
  for (const body of bodies) take(host.process(walkTraces(body, dialectKeys), 'default'));
  take(host.end('end_of_input'));
  expect(failures).toEqual([]);
  return [...last.values()];
}

test('there are scenarios', () => {
  expect(files.length).toBeGreaterThanOrEqual(3);
});

describe.each(files)('%s', async (file) => {
  const { default: detector } = (await import(join(root, file.replace('.scenarios.yaml', '.ts')))) as { default: AnyDetector };
  for (const scenario of readScenarios(readFileSync(join(root, file), 'utf8'), file)) {
    describe(scenario.name, () => {
      for (const dialect of dialects) {
        test.each(Object.entries(wires))(`${dialect}, %s`, (_, encode) => {
          const findings = play(detector, scenario, playScenario(scenario, dialect).map(encode));
          const found = findings.map(({ message, at }) => `${message} @${Number.parseInt(at.spanId, 16)}`).sort();
          const wanted = scenario.expect.map(({ message, at }) => ({ message, at }));
          expect(found.length, found.join('; ')).toBe(wanted.length);
          for (const { message, at } of wanted) {
            const match = findings.some((one) => one.message === message && (at === undefined || one.at.spanId === spanIdAt(at)));
            expect(match, `${message} @${at}; found ${found.join('; ')}`).toBe(true);
          }
        });
      }
    });
  }
});
