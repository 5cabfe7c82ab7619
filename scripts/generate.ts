// Writes what follows from the code: the list of detectors, a page for each, the attribute registry, dashboards and alerts, the JSON Schema of
// the configuration.
// Runs from dist, on what was just built. `--check` writes nothing and fails if a file is not what it would write.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { factories } from '../bin/components.ts';
import { configJsonSchema } from '../config/json-schema.ts';
import type { AnyDetector } from '../src/detector/detector.ts';
import { attributes } from '../src/step/attributes.ts';
import { dashboardFiles } from './dashboards/files.ts';
import { detectorPage, detectorTable } from './detector-page.ts';
import { withTables } from './instrumentation-tables.ts';
import { withTable } from './thresholds-table.ts';

interface Found {
  readonly family: string;
  readonly id: string;
  readonly fitted: boolean;
  readonly detector: AnyDetector;
}

const dist = fileURLToPath(new URL('..', import.meta.url));
const root = dirname(dist.replace(/\/$/, ''));

const detectors = await findDetectors();
const wanted = new Map<string, string>([
  ['bin/detectors.ts', detectorList(detectors)],
  ['docs/detectors/README.md', detectorTable(detectors.map(({ detector }) => detector.meta))],
  ...detectors.map(({ id, detector }): [string, string] => [`docs/detectors/${id}.md`, detectorPage(detector.meta)]),
  ['docs/attributes.md', attributePage()],
  [
    'docs/thresholds.md',
    withTable(
      readFileSync(join(root, 'docs/thresholds.md'), 'utf8'),
      detectors.map(({ detector }) => detector),
    ),
  ],
  [
    'docs/instrumentation.md',
    withTables(
      readFileSync(join(root, 'docs/instrumentation.md'), 'utf8'),
      detectors.map(({ detector }) => detector),
    ),
  ],
  ...dashboardFiles(
    detectors.map(({ detector }) => detector.meta),
    readFileSync(join(root, 'docs/dashboards.md'), 'utf8'),
  ),
  ['config/schema.json', `${JSON.stringify(configJsonSchema(factories), null, 2)}\n`],
]);
const orphans = listed('docs/detectors').filter((path) => !wanted.has(path));

if (process.argv.includes('--check')) {
  const stale = [...wanted].filter(([path, text]) => current(path) !== text).map(([path]) => path);
  for (const path of stale) console.error(`${path} is not what the generator writes.`);
  for (const path of orphans) console.error(`${path} belongs to no detector.`);
  process.exitCode = stale.length + orphans.length > 0 ? 1 : 0;
} else {
  for (const path of orphans) rmSync(join(root, path));
  for (const [path, text] of wanted) {
    if (current(path) === text) continue;
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    console.log(`wrote ${path}`);
  }
}

/** A file is a detector if its default export says so; its family is the folder, its id the stem. */
async function findDetectors(): Promise<Found[]> {
  const found: Found[] = [];
  for (const family of readdirSync(join(root, 'detectors'), { withFileTypes: true })) {
    if (!family.isDirectory()) continue;
    const folder = join(root, 'detectors', family.name);
    for (const name of readdirSync(folder).sort()) {
      if (!name.endsWith('.ts') || name.endsWith('.test.ts')) continue;
      if (!readFileSync(join(folder, name), 'utf8').includes('export default defineDetector(')) continue;
      const id = name.slice(0, -3);
      const { default: detector } = (await import(pathToFileURL(join(dist, 'detectors', family.name, `${id}.js`)).href)) as {
        default: AnyDetector;
      };
      if (detector.meta.id !== id || detector.meta.family !== family.name) {
        throw new Error(
          `detectors/${family.name}/${name}: meta says ${detector.meta.family}/${detector.meta.id}; folder and stem must be the same.`,
        );
      }
      found.push({
        family: family.name,
        id,
        fitted: listed(`detectors/${family.name}`).includes(`detectors/${family.name}/${id}.fit.json`),
        detector,
      });
    }
  }
  return found.sort((a, b) => (a.family === b.family ? compare(a.id, b.id) : compare(a.family, b.family)));
}

/** Explicit, so that it can be searched, and in a stable order. */
function detectorList(all: readonly Found[]): string {
  const name = (id: string): string => id.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  const imports = all.flatMap(({ family, id, fitted }) => [
    `import ${name(id)} from '../detectors/${family}/${id}.ts';`,
    ...(fitted ? [`import ${name(id)}Fit from '../detectors/${family}/${id}.fit.json' with { type: 'json' };`] : []),
  ]);
  const rows = all.map(
    ({ id, fitted }) => `  { detector: ${name(id)}${fitted ? `, fit: ${name(id)}Fit as unknown as Fit` : ''} },`,
  );
  return `// Every detector that is shipped. Written by \`npm run generate\`; do not edit.
${[
  ...imports
    .map(specifierOf)
    .sort((a, b) => compare(a.specifier, b.specifier))
    .map(({ line }) => line),
].join('\n')}
import type { Fit } from '../src/detector/calibration.ts';
import type { AnyDetector } from '../src/detector/detector.ts';
import type { ShippedDetector } from '../src/detector/options.ts';

export const shippedDetectors: readonly ShippedDetector[] = [
${rows.join('\n')}
];

export const detectors: readonly AnyDetector[] = shippedDetectors.map(({ detector }) => detector);
`;
}

function specifierOf(line: string): { line: string; specifier: string } {
  return { line, specifier: line.split("'")[1] ?? '' };
}

function attributePage(): string {
  const rows = attributes.map(({ key, type, on, text }) => `| \`${key}\` | ${type} | ${on.join(', ')} | ${text} |`);
  return `# Attributes

Every \`misstep.*\` attribute, from \`src/step/attributes.ts\`. Findings also carry \`gen_ai.evaluation.{name,score.value,score.label,explanation}\`.
On \`span\` an attribute is read: adapters and applications write it. Elsewhere misstep writes it.

| attribute | type | on | meaning |
|---|---|---|---|
${rows.join('\n')}
`;
}

function listed(folder: string): string[] {
  try {
    return readdirSync(join(root, folder)).map((name) => `${folder}/${name}`);
  } catch {
    return [];
  }
}

function current(path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch {
    return undefined;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
