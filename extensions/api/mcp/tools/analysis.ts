import { z } from 'zod';
import { Problem } from '../../problem.ts';
import { type Analysed, type Told, tool, type Used } from '../tool.ts';
import { quoted, word } from '../untrusted.ts';
import { counted, notice, noticed, text } from './shared.ts';

const MOST_FINDINGS = 10;
const MOST_BLAMED = 5;
const MOST_PROBLEMS = 5;

const given = z
  .union([z.record(z.string(), z.unknown()), z.array(z.unknown()), z.string()])
  .describe('JSON, or a text that holds JSON or one JSON document a line.');

const output = z.object({
  ...notice,
  format: z.string().describe('What it was read as.'),
  steps: z.int(),
  detections: z.array(
    z.object({
      detection_type: z.string(),
      message: z.string(),
      severity: z.string(),
      confidence: z.int(),
      trace_id: z.string(),
      span_id: z.string(),
      suggested_action: z.string(),
      untrusted: z.object({ agent: text, explanation: text }),
    }),
  ),
  detections_left_out: z.int(),
  blamed: z
    .array(z.object({ trace_id: z.string(), span_id: z.string(), untrusted: z.object({ agent: text, reason: text }) }))
    .describe('The step that made a run go wrong, where one stands out.'),
  blind: z.array(z.string()).describe('Detectors that lacked what they need in at least one window.'),
  untrusted: z.object({ problems: z.array(z.string()) }),
});

async function analysed(
  payload: z.output<typeof given>,
  format: string,
  { analyse, signal }: Used,
): Promise<Told<z.input<typeof output>>> {
  const result = await analyse(typeof payload === 'string' ? parsed(payload) : payload, format, signal);
  return { head: headOf(result), build: (most) => shown(result, most) };
}

function headOf({ steps, findings, format }: Analysed): string {
  if (steps === 0) return `Read as ${word(format)}: no step of an agent is in it, so nothing could be looked at.`;
  return `Read as ${word(format)}: ${counted(steps, 'step')}, ${counted(findings.length, 'detection')}. Nothing of it was kept.`;
}

function shown({ format, steps, findings, blamed, blind, problems }: Analysed, most: number): z.input<typeof output> {
  return {
    ...noticed,
    format: word(format),
    steps,
    detections: findings.slice(0, MOST_FINDINGS).map((one) => ({
      detection_type: word(one.detector),
      message: word(one.message),
      severity: word(one.severity),
      confidence: Math.round(one.confidence * 100),
      trace_id: word(one.trace_id),
      span_id: word(one.span_id),
      suggested_action: one.action,
      untrusted: { agent: quoted(one.agent, Math.min(most, 80)), explanation: quoted(one.explanation, Math.min(most, 500)) },
    })),
    detections_left_out: Math.max(0, findings.length - MOST_FINDINGS),
    blamed: blamed.slice(0, MOST_BLAMED).map((one) => ({
      trace_id: word(one.trace_id),
      span_id: word(one.span_id),
      untrusted: { agent: quoted(one.agent, Math.min(most, 80)), reason: quoted(one.reason, Math.min(most, 300)) },
    })),
    blind: blind.map(word),
    untrusted: { problems: problems.slice(0, MOST_PROBLEMS).map((one) => quoted(one, Math.min(most, 300))) },
  };
}

/** Throws `Problem` if it is neither JSON nor JSON lines. */
function parsed(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch {
    const lines = source.split('\n').filter((line) => line.trim() !== '');
    return lines.map((line, i) => {
      try {
        return JSON.parse(line) as unknown;
      } catch {
        throw new Problem(422, 'no-json', `The text is no JSON, and line ${i + 1} of it is none either.`);
      }
    });
  }
}

export function analysisTools(formats: readonly [string, ...string[]]) {
  return [
    tool({
      name: 'analyze_trace',
      title: 'Analyse a trace',
      description:
        'Plays a recorded run (OTLP/JSON, or what a framework exports) through the detectors and says what went wrong where; nothing is kept. Use it for a run that misstep has not seen.',
      input: z.object({ trace: given, format: z.enum(['auto', ...formats]).default('auto') }),
      output,
      run: ({ trace, format }, used) => analysed(trace, format, used),
    }),
    tool({
      name: 'analyze_conversation',
      title: 'Analyse a conversation',
      description:
        'Plays the messages of a conversation (OpenAI, Anthropic, ShareGPT and similar forms) through the detectors; nothing is kept. Use it for a chat between a user and an agent.',
      input: z.object({ conversation: given }),
      output,
      run: ({ conversation }, used) => analysed(conversation, 'conversation', used),
    }),
  ];
}
