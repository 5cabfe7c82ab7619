/**
 * A fix: what a person or a patch could change so that a finding does not come again, and what that change would not do.
 *
 * Law: a fix is a proposal. Making one reads a finding and changes nothing; confidence is 0–1 and says how well the remedy answers the
 * finding, not whether it was tried (`verify.ts` says that). Code that a fix shows is text: it is never run or written to anybody's files.
 */

export const frameworks = ['langgraph', 'crewai', 'autogen', 'openai_agents', 'claude', 'n8n', 'dify', 'generic'] as const;
export type Framework = (typeof frameworks)[number];

/** `safe`: only stops earlier or retries. `medium`: changes what the agent sees or may do. `dangerous`: changes what it does. */
export type Risk = 'safe' | 'medium' | 'dangerous';
export const risks: readonly Risk[] = ['safe', 'medium', 'dangerous'];

/** What a generator reads of a detection and its trace. Texts may be anybody's: they are shown, never obeyed or run. */
export interface Subject {
  readonly id: string;
  readonly detector: string;
  readonly message: string;
  /** 0–1. */
  readonly confidence: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly agent: string | null;
  readonly data: Readonly<Record<string, unknown>>;
  readonly framework: Framework;
}

export interface CodeChange {
  /** Where the text would go; a suggestion, no file was read. */
  readonly file_path: string;
  readonly language: string;
  /** What is there now; null where nobody showed it. */
  readonly original_code: string | null;
  readonly suggested_code: string;
  readonly start_line: number | null;
  readonly end_line: number | null;
  readonly description: string;
  /** Unified diff. */
  readonly diff: string;
}

export interface Fix {
  readonly id: string;
  readonly detection_id: string;
  readonly detection_type: string;
  readonly generator: string;
  readonly fix_type: string;
  readonly framework: Framework;
  readonly title: string;
  readonly description: string;
  readonly rationale: string;
  /** 0–1. */
  readonly confidence: number;
  readonly risk: Risk;
  readonly code_changes: readonly CodeChange[];
  readonly estimated_impact: string;
  readonly does_not_solve: string;
  readonly breaking_changes: boolean;
  readonly requires_testing: boolean;
  readonly tags: readonly string[];
  /** `modelled`: `verify.ts` can try it on a recorded window; else why not. */
  readonly verifiable: boolean;
}

/** By the detector where it belongs to one framework, else by the vocabulary of the trace. */
export function frameworkOf(detector: string, vocabulary: string | null): Framework {
  const owner = /^(langgraph|n8n|dify)_/.exec(detector)?.[1];
  if (owner !== undefined) return owner as Framework;
  return vocabularies[vocabulary ?? ''] ?? 'generic';
}

/** Vocabularies that one framework speaks; `gen_ai`, openinference and others are spoken by many. */
const vocabularies: Readonly<Record<string, Framework>> = {
  langgraph: 'langgraph',
  langsmith: 'langgraph',
  crewai: 'crewai',
  autogen: 'autogen',
  openai_agents: 'openai_agents',
  claude_code: 'claude',
  n8n: 'n8n',
  dify: 'dify',
};
