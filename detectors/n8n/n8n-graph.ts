/** The workflow of an n8n run as its root span states it: what the six n8n detectors read of it. Bounded; what is not of the expected form is left out. */
import { isRecord } from '../../src/schema/value.ts';
import type { Step } from '../../src/step/step.ts';

export interface Node {
  readonly name: string;
  /** The last part of the type: `httpRequest`. */
  readonly kind: string;
  readonly disabled: boolean;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface Edge {
  readonly source: string;
  readonly target: string;
  /** `main`, or `ai_tool`, `ai_languageModel` … */
  readonly type: string;
  readonly branch: number;
}

export interface Workflow {
  readonly nodes: readonly Node[];
  readonly edges: readonly Edge[];
  readonly settings: Readonly<Record<string, unknown>>;
}

const none: Readonly<Record<string, unknown>> = {};
const MAX = 2_048;

/** `undefined` unless the step is the root of an n8n run that carries its workflow. */
export function workflowOf(step: Step): Workflow | undefined {
  if (step.extra['run.format'] !== 'n8n') return undefined;
  const list = step.extra['graph.nodes'];
  if (!Array.isArray(list) || list.length === 0) return undefined;
  const nodes = list.slice(0, MAX).flatMap((one): Node[] => {
    if (!isRecord(one) || typeof one['name'] !== 'string') return [];
    const type = String(one['type'] ?? '');
    const kind = type.slice(type.lastIndexOf('.') + 1);
    if (kind === 'stickyNote') return [];
    return [
      {
        name: one['name'],
        kind,
        disabled: one['disabled'] === true,
        parameters: isRecord(one['parameters']) ? one['parameters'] : none,
        settings: isRecord(one['settings']) ? one['settings'] : none,
      },
    ];
  });
  const links = step.extra['graph.edges'];
  const edges = (Array.isArray(links) ? links.slice(0, 2 * MAX) : []).flatMap((one): Edge[] => {
    if (!isRecord(one) || typeof one['source'] !== 'string' || typeof one['target'] !== 'string') return [];
    return [
      { source: one['source'], target: one['target'], type: String(one['type'] ?? 'main'), branch: Number(one['branch'] ?? 0) },
    ];
  });
  const settings = step.extra['workflow.settings'];
  return { nodes, edges, settings: isRecord(settings) ? settings : none };
}

function isTrigger({ kind }: Node): boolean {
  return /trigger$|^webhook$|^cron$|^start$|^interval$|^formTrigger$|^emailReadImap$/i.test(kind);
}

/** Started by others than a person at the editor. */
export function runsAlone(nodes: readonly Node[]): boolean {
  return nodes.some((node) => isTrigger(node) && !/manualTrigger|^start$|executeWorkflowTrigger/i.test(node.kind));
}

/** Calls a model: an agent, a chain, or a vendor's node. */
export function isModel({ kind }: Node): boolean {
  return /^agent|^chain|^openAi$|^anthropic|^googleGemini|^lmChat|^lmOpenAi|^ollama|^mistral/i.test(kind);
}

/** Calls something beyond n8n that can fail or hang. */
export function isOutside({ kind }: Node): boolean {
  return /httpRequest|postgres|mySql|mongoDb|redis|awsLambda|graphql|ssh|ftp|microsoftSql/i.test(kind);
}
