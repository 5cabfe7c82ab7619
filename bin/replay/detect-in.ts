/** What a configuration says about detection, for a replay that finds what the sidecar would. */
import type { DetectOptions } from '../../processors/detect/options.ts';
import type { DetectorConfig } from '../../src/detector/options.ts';
import { configure, sourcesOf } from '../configure.ts';

export interface DetectIn extends Pick<DetectOptions, 'tiers' | 'emit_above' | 'embedding' | 'rules' | 'detector_files'> {
  readonly detectors: DetectorConfig;
}

/** Of the `detect` that stands first in the file. Problems as `validate` prints them; warnings are none. */
export async function detectIn(
  files: readonly string[],
): Promise<{ readonly found: DetectIn | undefined; readonly problems: readonly string[] }> {
  const { spec, errors } = await configure(sourcesOf({ config: files }));
  if (spec === undefined) return { found: undefined, problems: errors };
  for (const { factory, options } of spec.processors.values())
    if (factory.type === 'detect') return { found: options as DetectIn, problems: [] };
  return { found: undefined, problems: [`${files.join(', ')}: has no processor detect. Add one, or leave --config out.`] };
}
