// What a step costs in the detectors: `node dist/bench/step.js [rounds] [row ...]` after a build; rows are ids of detectors,
// `none`, `all`, `english` and `history`, every one if none is named.
//
// First: µs a step for each shipped detector alone and for all together, on steps with 4 KB of text that was never seen
// before (model calls and tool calls in turn, sessions of 20 steps, one step a request); `none` is the host by itself
// (normalising, windows, order), and is part of every other row. Words are random, but for `english`: all detectors on
// English words, which are longer and begin more rules. mean: CPU time, the lowest of the rounds. p99: wall time
// of single steps, the lowest of the rounds.
// Then: a session whose model calls send their whole history again, for 500, 1,000 and 2,000 turns. If the cost a turn is
// constant, twice the turns take twice the time.
import { shippedDetectors } from '../bin/detectors.ts';
import { DetectorHost } from '../src/detector/host.ts';
import { activate, type ShippedDetector } from '../src/detector/options.ts';
import { dialectKeys } from '../src/dialects/keys.ts';
import { walkTraces } from '../src/otlp/traces.ts';
import { attribute, english, hex, prose, requestOf } from './bodies.ts';

const STEPS = 2_000;
const SESSION = 20;
const rounds = Number(process.argv[2] ?? 3);
const rows = new Set(process.argv.slice(3));
const wanted = (row: string): boolean => rows.size === 0 || rows.has(row);

function message(role: string, content: string): object {
  return { role, parts: [{ type: 'text', content }] };
}

/** 4 KB of new text: an answer of a tool and what the model makes of it, or a tool's arguments and result. */
function newStep(i: number, session: string, write: (length: number) => string): Uint8Array {
  const common = [attribute('gen_ai.conversation.id', session), attribute('gen_ai.agent.name', 'researcher')];
  const model = [
    ...common,
    attribute('gen_ai.operation.name', 'chat'),
    attribute('gen_ai.request.model', 'gpt-4o'),
    attribute('gen_ai.usage.input_tokens', 1_200),
    attribute('gen_ai.usage.output_tokens', 300),
    attribute('gen_ai.input.messages', JSON.stringify([message('user', write(600)), message('tool', write(2_200))])),
    attribute('gen_ai.output.messages', JSON.stringify([message('assistant', write(1_200))])),
  ];
  const tool = [
    ...common,
    attribute('gen_ai.operation.name', 'execute_tool'),
    attribute('gen_ai.tool.name', 'search'),
    attribute('gen_ai.tool.call.arguments', JSON.stringify({ query: write(300), limit: 10 })),
    attribute('gen_ai.tool.call.result', JSON.stringify({ hits: [write(1_800), write(1_900)] })),
  ];
  const isModel = i % 2 === 0;
  const span = {
    traceId: hex(16),
    name: isModel ? 'chat gpt-4o' : 'execute_tool search',
    attributes: isModel ? model : tool,
    atMs: i * 1_000,
  };
  return requestOf([span], 'bench');
}

function hostOf(shipped: readonly ShippedDetector[]): DetectorHost {
  const onError = (_: unknown, __: unknown, error: unknown): never => {
    throw error;
  };
  return new DetectorHost({ detectors: activate(shipped, {}).active, onError });
}

function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function measure(label: string, shipped: readonly ShippedDetector[], write = prose): void {
  let mean = Number.POSITIVE_INFINITY;
  let p99 = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const bodies = Array.from({ length: STEPS }, (_, i) => i).map((i) =>
      newStep(i, `${label}-${round}-${Math.floor(i / SESSION)}`, write),
    );
    const host = hostOf(shipped);
    const times = new Float64Array(STEPS);
    const indexes = bodies.map((body) => walkTraces(body, dialectKeys));
    const before = cpuUs();
    indexes.forEach((index, i) => {
      const start = performance.now();
      host.process(index, 'default');
      times[i] = (performance.now() - start) * 1_000;
    });
    mean = Math.min(mean, (cpuUs() - before) / STEPS);
    p99 = Math.min(p99, times.sort()[Math.floor(STEPS * 0.99)] as number);
  }
  console.log(`${label.padEnd(28)} ${mean.toFixed(1).padStart(8)} ${p99.toFixed(0).padStart(8)}`);
}

/** Milliseconds of CPU for the session; bodies are encoded outside the measured time. */
function history(turns: number): { readonly ms: number; readonly megabytes: number } {
  const host = hostOf(shippedDetectors);
  const session = hex(8);
  const told: string[] = [];
  let us = 0;
  let bytes = 0;
  for (let turn = 0; turn < turns; turn++) {
    told.push(JSON.stringify(message('user', prose(150))));
    const answer = JSON.stringify(message('assistant', prose(150)));
    const attributes = [
      attribute('gen_ai.operation.name', 'chat'),
      attribute('gen_ai.request.model', 'gpt-4o'),
      attribute('gen_ai.conversation.id', session),
      attribute('gen_ai.agent.name', 'researcher'),
      attribute('gen_ai.input.messages', `[${told.join(',')}]`),
      attribute('gen_ai.output.messages', `[${answer}]`),
    ];
    told.push(answer);
    const body = requestOf([{ traceId: hex(16), name: 'chat gpt-4o', attributes, atMs: turn * 1_000 }], 'bench');
    bytes += body.length;
    const before = cpuUs();
    host.process(walkTraces(body, dialectKeys), 'default');
    us += cpuUs() - before;
  }
  return { ms: us / 1_000, megabytes: bytes / 1e6 };
}

console.log(`${'detector'.padEnd(28)} ${'mean µs'.padStart(8)} ${'p99 µs'.padStart(8)}   (a step with 4 KB of new text)`);
measure('warm-up', shippedDetectors);
if (wanted('none')) measure('none', []);
for (const shipped of shippedDetectors) if (wanted(shipped.detector.meta.id)) measure(shipped.detector.meta.id, [shipped]);
if (wanted('all')) measure('all', shippedDetectors);
if (wanted('english')) measure('english', shippedDetectors, english);
if (wanted('history')) {
  console.log(
    `\n${'turns'.padEnd(8)} ${'ms'.padStart(9)} ${'ms/turn'.padStart(9)} ${'MB sent'.padStart(9)}   (a session that sends its history again)`,
  );
  for (const turns of [500, 1_000, 2_000]) {
    const { ms, megabytes } = history(turns);
    console.log(
      `${String(turns).padEnd(8)} ${ms.toFixed(0).padStart(9)} ${(ms / turns).toFixed(2).padStart(9)} ${megabytes.toFixed(0).padStart(9)}`,
    );
  }
}
