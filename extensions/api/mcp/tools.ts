/** Every tool, in the order in which clients list them. */
import type { Tool } from './tool.ts';
import { analysisTools } from './tools/analysis.ts';
import { detectionTools } from './tools/detections.ts';
import { statusTools } from './tools/status.ts';
import { sumTools } from './tools/sums.ts';
import { traceTools } from './tools/traces.ts';

export interface ToolOptions {
  /** What analyses take. */
  readonly formats: readonly [string, ...string[]];
  /** Leaves out what changes something. */
  readonly readOnly: boolean;
}

export function toolsOf({ formats, readOnly }: ToolOptions): readonly Tool[] {
  const all = [...detectionTools, ...traceTools, ...analysisTools(formats), ...sumTools, ...statusTools];
  return readOnly ? all.filter(({ writes }) => writes !== true) : all;
}
