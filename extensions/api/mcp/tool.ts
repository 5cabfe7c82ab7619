/**
 * One tool: what it takes and gives, as schemas that both check and describe it, and what it does.
 *
 * Law: a tool asks through `ask` only, so that it sees what its caller may see; text of runs goes through `quoted` into `untrusted`; what is
 * wrong it throws as a `Problem`. Names are at most 24 characters: some clients leave out tools whose server and name have more than 60.
 */
import type { z } from 'zod';
import type { Ask } from './ask.ts';

/** Plays a payload through the detectors, off the main thread. Throws `Problem` for what cannot be read. */
export type Analyse = (payload: unknown, format: string, signal: AbortSignal) => Promise<Analysed>;

export interface AnalysedFinding {
  readonly detector: string;
  readonly message: string;
  readonly severity: string;
  /** 0–1. */
  readonly confidence: number;
  readonly trace_id: string;
  readonly span_id: string;
  readonly agent: string | null;
  readonly explanation: string;
  readonly action: string;
}

export interface Analysed {
  /** What the payload was taken for. */
  readonly format: string;
  readonly steps: number;
  /** The gravest first. */
  readonly findings: readonly AnalysedFinding[];
  readonly blamed: readonly {
    readonly trace_id: string;
    readonly span_id: string;
    readonly agent: string | null;
    readonly reason: string;
  }[];
  /** Detectors that could not look in at least one window. */
  readonly blind: readonly string[];
  readonly problems: readonly string[];
}

export interface Used {
  readonly ask: Ask;
  readonly analyse: Analyse;
  readonly signal: AbortSignal;
}

export interface Told<R> {
  /** One sentence without text of runs. */
  readonly head: string;
  /** `limit`: characters that a text of a run may have. */
  readonly build: (limit: number) => R;
}

// biome-ignore lint/suspicious/noExplicitAny: each tool has its own types; lists hold them all.
type Any = any;

export interface Tool<I extends z.ZodObject = Any, R extends z.ZodObject = Any> {
  readonly name: string;
  readonly title: string;
  /** When to use it, in two sentences. */
  readonly description: string;
  readonly input: I;
  readonly output: R;
  /** It changes something. */
  readonly writes?: boolean;
  readonly run: (args: z.output<I>, used: Used) => Promise<Told<z.input<R>>>;
}

/** Gives a tool its types. */
export function tool<I extends z.ZodObject, R extends z.ZodObject>(one: Tool<I, R>): Tool {
  return one;
}
