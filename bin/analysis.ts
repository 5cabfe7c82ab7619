/** Analyses for MCP: payloads of somebody, in the thread in which the routes analyse too. */
import { Analyses } from '../extensions/api/analysis/analysis.ts';
import type { Analysis } from '../extensions/api/api.ts';
import { formats } from './formats.ts';

/** The module of the thread. */
export const analyser = new URL(
  import.meta.url.endsWith('.ts') ? './analysis-worker.ts' : './analysis-worker.js',
  import.meta.url,
);

/** `entry` is the thread's module, which tests name otherwise. */
export function analysisIn(entry: URL = analyser): Analysis {
  const analyses = new Analyses(entry);
  return {
    formats: Object.keys(formats) as [string, ...string[]],
    analyse: (payload, format, signal) => analyses.explain(payload, format, signal),
  };
}
