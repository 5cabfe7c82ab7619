/**
 * What a framework offers for a mechanism, as code. `{{tool}}`, `{{agent}}` and `{{text}}` stand for a literal string of the language (JSON's
 * form, which Python, JavaScript and YAML read); nothing else of a trace gets into code.
 */
import type { Framework } from '../fix.ts';
import { autogen } from './autogen.ts';
import { claude } from './claude.ts';
import { crewai } from './crewai.ts';
import { dify } from './dify.ts';
import { generic } from './generic.ts';
import { langgraph } from './langgraph.ts';
import { n8n } from './n8n.ts';
import { openaiAgents } from './openai-agents.ts';

const mechanisms = [
  'step_limit',
  'call_guard',
  'retry',
  'timeout',
  'context',
  'prompt',
  'schema',
  'output_check',
  'input_filter',
  'approval',
  'checkpoint',
  'budget',
  'handoff',
  'plan',
] as const;
export type Mechanism = (typeof mechanisms)[number];

export type Remedies = Readonly<Record<Mechanism, string>>;
export type SomeRemedies = Readonly<Partial<Record<Mechanism, string>>>;

interface Dialect {
  readonly language: 'python' | 'json' | 'yaml';
  /** Where the code would go. */
  readonly path: string;
  readonly remedies: SomeRemedies;
}

const dialects: Readonly<Record<Framework, Dialect>> = {
  langgraph: { language: 'python', path: 'graph.py', remedies: langgraph },
  crewai: { language: 'python', path: 'crew.py', remedies: crewai },
  autogen: { language: 'python', path: 'team.py', remedies: autogen },
  openai_agents: { language: 'python', path: 'agent.py', remedies: openaiAgents },
  claude: { language: 'python', path: 'agent.py', remedies: claude },
  n8n: { language: 'json', path: 'workflow.json', remedies: n8n },
  dify: { language: 'yaml', path: 'app.yml', remedies: dify },
  generic: { language: 'python', path: 'agent.py', remedies: generic },
};

export interface Remedy {
  readonly framework: Framework;
  readonly language: string;
  readonly path: string;
  readonly code: string;
}

export interface Slots {
  readonly tool: string;
  readonly agent: string;
  readonly text: string;
}

const SLOT_CHARACTERS = 400;

/** The framework's own way; where it has none, plain Python. */
export function remedyOf(framework: Framework, mechanism: Mechanism, slots: Slots): Remedy {
  const own = dialects[framework].remedies[mechanism];
  const { language, path } = own === undefined ? dialects.generic : dialects[framework];
  const code = (own ?? generic[mechanism]).replaceAll(/\{\{(tool|agent|text)\}\}/g, (_, slot: keyof Slots) =>
    JSON.stringify(slots[slot].slice(0, SLOT_CHARACTERS)),
  );
  return { framework: own === undefined ? 'generic' : framework, language, path, code: `${code.trim()}\n` };
}
