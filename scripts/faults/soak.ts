/**
 * `npm run test:soak -- [minutes] [spans per second] [minutes of warm-up]`: a sidecar with detection and a stored queue under
 * steady load, and whether anything of it grows. Prints a line a minute, then for memory, heap, handles and files the slope
 * with its 95 % interval; exits with 1 if an interval lies above 0 or a span was lost.
 */
import { metric, startRig, until } from './rig.ts';

const SAMPLE_MS = 2_000;
/** Means of so many stretches are what the line goes through: samples that follow each other say nearly the same. */
const BLOCKS = 20;
/** Student's t for BLOCKS - 2 degrees of freedom, two-sided 95 %. */
const T = 2.101;
const AGENT_SPANS_PER_SECOND = 400;

const minutes = Number(process.argv[2] ?? 20);
const rate = Number(process.argv[3] ?? 85_000);
/** Windows end after five minutes without a step: before that their number grows, as it should. */
const warmUp = Number(process.argv[4] ?? 6);
const seconds = (minutes + warmUp) * 60;

const rig = await startRig({ limitMib: 1_500, queueSize: 10_000, blockOnOverflow: true, seconds: seconds + 120 });
const load = (shape: string, perSecond: number) =>
  rig.load(shape, { rate: perSecond, spans: Math.ceil(perSecond * seconds), seconds, connections: 4 });
const loads = Promise.all([load('small', rate), load('genai', AGENT_SPANS_PER_SECOND)]);

interface Sample {
  readonly at: number;
  readonly rss: number;
  readonly heap: number;
  readonly handles: number;
  readonly files: number;
}

const samples: Sample[] = [];
const began = Date.now();
let over = false;
void loads.then(() => {
  over = true;
});
let told = 0;
while (!over) {
  await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
  const at = (Date.now() - began) / 60_000;
  const heap = metric((await rig.page()) ?? '', 'otelcol_process_runtime_heap_alloc_bytes') / 1_048_576;
  const sample: Sample = { at, rss: rig.rss(), heap, handles: rig.handles(), files: rig.files() };
  samples.push(sample);
  if (at - told < 1) continue;
  told = Math.floor(at);
  say(
    `${told} min  ${Math.round(sample.rss)} MiB RSS  ${Math.round(heap)} MiB heap  ${sample.handles} handles  ${sample.files} files`,
  );
}
const acked = (await loads).reduce((sum, one) => sum + one.acked, 0);
await until(async () => (await rig.delivered()) >= acked).catch(() => undefined);
const delivered = await rig.delivered();
const code = await rig.end();

const steady = samples.filter(({ at }) => at >= warmUp);
let grows = false;
for (const name of ['rss', 'heap', 'handles', 'files'] as const) {
  const { slope, margin, mean } = slopeOf(steady.map((sample) => [sample.at, sample[name]]));
  const rises = slope - margin > 0;
  if (rises) grows = true;
  say(
    `${name.padEnd(8)} mean ${mean.toFixed(1)}, slope ${slope.toFixed(3)} ± ${margin.toFixed(3)} a minute: ${rises ? 'GROWS' : 'contains 0 or falls'}`,
  );
}
say(`${acked} spans acknowledged, ${delivered} delivered, ${acked - delivered} lost; the sidecar ended with ${code}`);
process.exitCode = grows || delivered < acked || code !== 0 ? 1 : 0;

/** Least squares through the means of `BLOCKS` stretches; `margin` is half the 95 % interval of the slope. */
function slopeOf(points: readonly (readonly [number, number])[]): { slope: number; margin: number; mean: number } {
  const size = Math.floor(points.length / BLOCKS);
  const blocks = Array.from({ length: BLOCKS }, (_, i) => {
    const part = points.slice(i * size, (i + 1) * size);
    return [average(part.map(([x]) => x)), average(part.map(([, y]) => y))] as const;
  });
  const [mx, my] = [average(blocks.map(([x]) => x)), average(blocks.map(([, y]) => y))];
  const xx = blocks.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
  const slope = blocks.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / xx;
  const rest = blocks.reduce((sum, [x, y]) => sum + (y - my - slope * (x - mx)) ** 2, 0);
  return { slope, margin: T * Math.sqrt(rest / (BLOCKS - 2) / xx), mean: my };
}

function average(values: readonly number[]): number {
  return values.reduce((sum, one) => sum + one, 0) / values.length;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
