// What open sessions keep: `node --expose-gc dist/bench/sessions.js [sessions] [steps] [gap]` after a build (100,000 of 5 steps if not told).
// Every shipped detector, default windows but for their number; sessions are fed in turn, one request a step, a minute between two
// steps of a session (third argument: milliseconds), and none that ends: a user's question or a tool's result, and what the model
// makes of it, about 1 KB a step. Prints resident memory and heap, and what packing an idle session takes; the requests themselves
// are made one by one and are garbage by then.
import { shippedDetectors } from '../bin/detectors.ts';
import { DetectorHost } from '../src/detector/host.ts';
import { activate } from '../src/detector/options.ts';
import { dialectKeys } from '../src/dialects/keys.ts';
import { walkTraces } from '../src/otlp/traces.ts';
import { attribute, hex, prose, requestOf } from './bodies.ts';

const sessions = Number(process.argv[2] ?? 100_000);
const steps = Number(process.argv[3] ?? 5);
const MIB = 1024 * 1024;
/** Between two steps of one session; the sessions are spread over it evenly. */
const GAP_MS = Number(process.argv[4] ?? 60_000);

function message(role: string, content: string): object {
  return { role, parts: [{ type: 'text', content }] };
}

/** Calls of the model and of a tool in turn. */
function stepOf(session: number, step: number, traceId: string): Uint8Array {
  const common = [attribute('gen_ai.conversation.id', `session-${session}`), attribute('gen_ai.agent.name', 'researcher')];
  const attributes =
    step % 2 === 0
      ? [
          ...common,
          attribute('gen_ai.operation.name', 'chat'),
          attribute('gen_ai.request.model', 'gpt-4o'),
          attribute('gen_ai.usage.input_tokens', 1_200),
          attribute('gen_ai.usage.output_tokens', 300),
          attribute('gen_ai.input.messages', JSON.stringify([message('user', prose(400))])),
          attribute('gen_ai.output.messages', JSON.stringify([message('assistant', prose(600))])),
        ]
      : [
          ...common,
          attribute('gen_ai.operation.name', 'execute_tool'),
          attribute('gen_ai.tool.name', 'search'),
          attribute('gen_ai.tool.call.arguments', JSON.stringify({ query: prose(60) })),
          attribute('gen_ai.tool.call.result', JSON.stringify({ hits: [prose(900)] })),
        ];
  const name = step % 2 === 0 ? 'chat gpt-4o' : 'execute_tool search';
  return requestOf([{ traceId, name, attributes, atMs: step * GAP_MS }], 'bench');
}

function memory(): { readonly rss: number; readonly heap: number; readonly outside: number } {
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss: rss / MIB, heap: heapUsed / MIB, outside: external / MIB };
}

let nowMs = 0;
const host = new DetectorHost({
  detectors: activate(shippedDetectors, {}).active,
  windows: { maxRuns: sessions },
  now: () => nowMs,
  onError: (_, __, error) => {
    throw error;
  },
});
const before = memory();
const traces = Array.from({ length: sessions }, () => hex(16));
const began = nowMs;
let spent = 0;
let packs = 0;
/** A second goes by, as `detect` sees it. */
function second(): void {
  nowMs += 1_000;
  host.tick(nowMs);
  const before = host.packedRuns;
  const start = performance.now();
  host.work(() => false);
  spent += performance.now() - start;
  packs += host.packedRuns - before;
}
for (let step = 0; step < steps; step++) {
  for (let session = 0; session < sessions; session++) {
    host.process(walkTraces(stepOf(session, step, traces[session] as string), dialectKeys), 'default');
    while (nowMs - began < ((step * sessions + session) / sessions) * GAP_MS - 1_000) second();
  }
  const { rss, heap, outside } = memory();
  console.log(
    `${sessions} sessions of ${step + 1} steps: RSS ${rss.toFixed(0)} MiB, heap ${heap.toFixed(0)}, outside it ${outside.toFixed(0)}, tails ${(host.keptBytes / MIB).toFixed(0)}, ${host.packedRuns} packed; ` +
      `${(((heap - before.heap + outside - before.outside) * 1024) / sessions).toFixed(1)} KiB a session`,
  );
}
for (let i = 0; i < GAP_MS / 1_000; i++) second();
const { rss, heap, outside } = memory();
console.log(
  `all quiet: RSS ${rss.toFixed(0)} MiB, heap ${heap.toFixed(0)}, outside it ${outside.toFixed(0)}, ${host.packedRuns} packed; packing takes ${((spent * 1_000) / packs).toFixed(0)} µs`,
);
console.log(`${host.openRuns} runs open, before the first ${before.rss.toFixed(0)} MiB`);
