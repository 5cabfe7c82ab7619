// The bill of materials (CycloneDX) of what is installed with misstep, on stdout. `npm sbom --omit dev` of npm 11.19 leaves out
// a dependency that a development package has too (zod), so those for development are taken out here.
import { execFileSync } from 'node:child_process';

const bom = JSON.parse(execFileSync('npm', ['sbom', '--sbom-format', 'cyclonedx'], { encoding: 'utf8', maxBuffer: 64 << 20 }));
const isDev = ({ properties = [] }) =>
  properties.some(({ name, value }) => name === 'cdx:npm:package:development' && value === 'true');
const gone = new Set(bom.components.filter(isDev).map((one) => one['bom-ref']));
const kept = (ref) => !gone.has(ref);
bom.components = bom.components.filter((one) => kept(one['bom-ref']));
bom.dependencies = bom.dependencies
  .filter(({ ref }) => kept(ref))
  .map((one) => ({ ...one, dependsOn: (one.dependsOn ?? []).filter(kept) }));
process.stdout.write(`${JSON.stringify(bom, null, 2)}\n`);
