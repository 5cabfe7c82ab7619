// Random damage to a closed storage: it opens, what was not touched is there, and nothing that is read is wrong.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HEADER_BYTES } from './record.ts';
import { openStorage, type Storage } from './storage.ts';

/** `MISSTEP_FAULT_RUNS=1000 npx vitest run src/storage/damage.test.ts` for a long run. */
const RUNS = Number(process.env['MISSTEP_FAULT_RUNS'] ?? 60);

interface Wound {
  readonly kind: 'flip' | 'page' | 'zeros' | 'truncate' | 'empty' | 'remove' | 'append';
  readonly file: number;
  readonly at: number;
}

const wound = fc.record({
  kind: fc.constantFrom<Wound['kind']>('flip', 'page', 'zeros', 'truncate', 'empty', 'remove', 'append'),
  file: fc.nat(),
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
});

const step = fc.record({ key: fc.nat(30), size: fc.integer({ min: 0, max: 600 }), remove: fc.boolean(), commit: fc.boolean() });

test(`${RUNS} random damages`, { timeout: 30_000 + RUNS * 200 }, async () => {
  let hit = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 20, maxLength: 120 }),
      fc.array(wound, { minLength: 1, maxLength: 3 }),
      async (steps, wounds) => {
        const directory = mkdtempSync(join(tmpdir(), 'misstep-damage-'));
        try {
          const wanted = await write(directory, steps);
          const touched = damage(directory, wounds);
          let told = 0;
          const storage = await open(directory, () => told++);
          const stream = storage.stream('a');
          const left = new Map([...stream.entries()].map(([key]) => [key, true]));
          for (const [key, { text, file, from, to }] of wanted) {
            const whole = !touched.some((one) => one.file === file && one.from < to && from < one.to);
            if (whole) expect(left.has(key), `record ${key} was not touched and is gone`).toBe(true);
            else hit++;
            // A damaged removal or replacement lets an older record live; what is read is some text that was written for the key.
            if (left.has(key) && whole) expect((await stream.read(key)).toString()).toBe(text);
          }
          for (const key of left.keys()) expect((await stream.read(key)).toString()).toMatch(new RegExp(`^${key}:\\d+:x*$`));
          stream.put(999, 0, [Buffer.from('999:0:')]);
          await storage.committed();
          await storage.close();
          const again = await open(directory, () => {});
          expect((await again.stream('a').read(999)).toString()).toBe('999:0:');
          await again.close();
        } finally {
          rmSync(directory, { recursive: true, force: true });
        }
      },
    ),
    { seed: 11, numRuns: RUNS },
  );
  expect(hit).toBeGreaterThan(RUNS / 4);
});

function open(directory: string, told: () => void): Promise<Storage> {
  const events = { damaged: told, missing: told, failed: told, working() {} };
  return openStorage({ directory, sync: 'none', syncIntervalMs: 200, segmentBytes: 4_000, maxBytes: 10_000_000 }, events);
}

interface Place {
  readonly text: string;
  readonly file: string;
  readonly from: number;
  readonly to: number;
}

/** What should be there, and where its bytes lie. */
async function write(directory: string, steps: readonly { key: number; size: number; remove: boolean; commit: boolean }[]) {
  const storage = await open(directory, () => {});
  const stream = storage.stream('a');
  const texts = new Map<number, string>();
  let n = 0;
  for (const { key, size, remove, commit } of steps) {
    if (remove) {
      stream.remove(key);
      texts.delete(key);
    } else {
      const text = `${key}:${n++}:${'x'.repeat(size)}`;
      stream.put(key, 0, [Buffer.from(text)]);
      texts.set(key, text);
    }
    if (commit) await storage.committed();
  }
  await storage.committed();
  await storage.close();
  const places = new Map<number, Place>();
  for (const file of segments(directory)) {
    const bytes = readFileSync(join(directory, file));
    for (const [key, text] of texts) {
      const at = bytes.lastIndexOf(Buffer.from(text));
      const length = text.length;
      // The text of another record may begin alike: the length in the header tells.
      if (at < HEADER_BYTES || bytes.readUInt32LE(at - HEADER_BYTES + 8) !== length) continue;
      places.set(key, { text, file, from: at - HEADER_BYTES, to: at + length });
    }
  }
  return places;
}

function segments(directory: string): string[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith('.seg'))
    .sort();
}

function damage(directory: string, wounds: readonly Wound[]): { file: string; from: number; to: number }[] {
  const touched: { file: string; from: number; to: number }[] = [];
  for (const { kind, file: n, at } of wounds) {
    const files = segments(directory);
    if (files.length === 0) return touched;
    const file = files[n % files.length] as string;
    const path = join(directory, file);
    const bytes = readFileSync(path);
    const from = Math.floor(at * bytes.length);
    const whole = { file, from: 0, to: Number.MAX_SAFE_INTEGER };
    if (kind === 'remove') {
      rmSync(path);
      touched.push(whole);
    } else if (kind === 'empty') {
      writeFileSync(path, '');
      touched.push(whole);
    } else if (kind === 'truncate') {
      writeFileSync(path, bytes.subarray(0, from));
      touched.push({ ...whole, from });
    } else if (kind === 'append') {
      writeFileSync(path, Buffer.concat([bytes, Buffer.from('MSL1 and what else is lying about')]));
    } else if (bytes.length > 0) {
      const to = kind === 'flip' ? from + 1 : Math.min(bytes.length, from + 512);
      if (kind === 'flip') bytes[from] = (bytes[from] as number) ^ 0x10;
      else bytes.fill(kind === 'zeros' ? 0 : 0xa5, from, to);
      writeFileSync(path, bytes);
      touched.push({ file, from, to });
    }
  }
  return touched;
}
