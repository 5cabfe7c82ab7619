/** Detection for those who ask: programs, agents that ask about themselves, and evaluation harnesses. */
import type { DetectionBridge } from './bridge.ts';
import { defaultBridge } from './hooks.ts';
import { type Analysis, DetectionOrchestrator, type OrchestratorOptions, type TraceInput } from './orchestrator.ts';
import { SeverityLevel } from './scoring.ts';

/** One call for one trace. Rejects if it is no trace, or if the options are wrong. */
export async function check(trace: TraceInput, options: OrchestratorOptions = {}): Promise<Analysis> {
  return new DetectionOrchestrator(options).analyze(trace);
}

export interface CheckTool {
  readonly name: string;
  readonly description: string;
  /** JSON Schema. */
  readonly inputSchema: object;
  /** Content as MCP and the Claude Agent SDK take it. Never rejects; what is wrong is in `isError` and the text. */
  readonly handler: (input: unknown) => Promise<{ content: readonly { type: 'text'; text: string }[]; isError?: true }>;
}

/** A tool by which an agent asks what was found in its own session, from the calls that the bridge was told of. */
export function createCheckTool({ bridge = defaultBridge() }: { readonly bridge?: DetectionBridge } = {}): CheckTool {
  return {
    name: 'misstep_check',
    description: 'Says whether the calls of this session so far look like a failure: loops, repeated errors, runaway cost.',
    inputSchema: {
      type: 'object',
      properties: { session_id: { type: 'string', description: 'The session to look at.' } },
      required: ['session_id'],
      additionalProperties: false,
    },
    async handler(input) {
      const id = (input as { readonly session_id?: unknown } | null)?.session_id;
      const trace = typeof id === 'string' ? bridge.trace(id) : undefined;
      if (trace === undefined) return { ...said(`Nothing is known of session ${JSON.stringify(id ?? null)}.`), isError: true };
      const { detections } = await check(trace, { thresholds: bridge.config.thresholds });
      if (detections.length === 0) return said(`Nothing was found in ${trace.spans.length} calls.`);
      return said(
        detections
          .slice(0, 10)
          .map(({ detector, explanation, recommendation }) => `${detector}: ${explanation} ${recommendation.action}`)
          .join('\n'),
      );
    },
  };
}

function said(text: string): { content: { type: 'text'; text: string }[] } {
  return { content: [{ type: 'text', text }] };
}

export interface Evaluation {
  /** 1 = nothing was found, 0 = something critical and certain: 1 − severity / 100. */
  readonly score: number;
  /** The score of no detection reaches the block threshold. */
  readonly passed: boolean;
  readonly reason: string;
  readonly analysis: Analysis;
}

/** For harnesses that want a number for a trace. */
export class MisstepEvaluator {
  readonly name = 'misstep';
  private readonly orchestrator: DetectionOrchestrator;

  constructor(options: OrchestratorOptions = {}) {
    this.orchestrator = new DetectionOrchestrator(options);
  }

  async evaluate(trace: TraceInput): Promise<Evaluation> {
    const analysis = await this.orchestrator.analyze(trace);
    const { severity, shouldBlock, detections } = analysis;
    const reason =
      detections[0] === undefined ? 'Nothing was found.' : `${SeverityLevel.of(severity)}: ${detections[0].explanation}`;
    return { score: 1 - severity / 100, passed: !shouldBlock, reason, analysis };
  }
}
