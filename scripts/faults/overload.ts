/**
 * `npm run test:overload -- [minutes]`: many more agent spans than one process can take, from 64 connections that do not
 * wait for each other, while the backend is slow for a third of the time. Exits with 1 if resident memory passes the limit,
 * if an acknowledged span is lost, or if nothing was left out before data was refused.
 */
import { metric, startRig, until } from './rig.ts';

const LIMIT_MIB = 600;
const minutes = Number(process.argv[2] ?? 10);
const seconds = minutes * 60;

const rig = await startRig({ limitMib: LIMIT_MIB, queueSize: 200, blockOnOverflow: false, seconds: seconds + 180 });
const loads = Promise.all(['genai', 'genai1'].map((shape) => rig.load(shape, { rate: 0, spans: 1e9, seconds, connections: 32 })));
let over = false;
void loads.then(() => {
  over = true;
});
let peak = 0;
const pressures = new Map<number, number>();
const began = Date.now();
let mode = 'ok';
while (!over) {
  await new Promise((resolve) => setTimeout(resolve, 250));
  peak = Math.max(peak, rig.rss());
  const page = await rig.page();
  if (page !== undefined) {
    const level = metric(page, 'misstep_pressure');
    pressures.set(level, (pressures.get(level) ?? 0) + 1);
  }
  const wanted = Math.floor((Date.now() - began) / 20_000) % 3 === 2 ? 'slow' : 'ok';
  if (wanted !== mode) await rig.backend(wanted);
  mode = wanted;
}
await rig.backend('ok');
const done = await loads;
const acked = done.reduce((sum, one) => sum + one.acked, 0);
const refused = done.reduce((sum, one) => sum + one.refused, 0);
await until(async () => (await rig.delivered()) >= acked, 60).catch(() => undefined);
const page = (await rig.page()) ?? '';
const left = (what: string) =>
  Number(new RegExp(`^misstep_detect_left_out{[^}]*what="${what}"[^}]*} (\\S+)$`, 'm').exec(page)?.[1] ?? 0);
const unread = left('all');
const withoutText = left('text');
const delivered = await rig.delivered();
const code = await rig.end();
const levels = [...pressures].sort(([a], [b]) => a - b).map(([level, n]) => `${level}: ${n}`);
process.stdout.write(
  `${acked} spans acknowledged, ${refused} requests refused, ${acked - delivered} spans lost; peak ${Math.round(peak)} MiB of ${LIMIT_MIB}; ` +
    `pressure by level, quarter seconds: ${levels.join(', ')}; ${withoutText} steps without text, ${unread} spans unread; ended with ${code}\n`,
);
process.exitCode = peak > LIMIT_MIB || delivered < acked || unread + withoutText === 0 ? 1 : 0;
