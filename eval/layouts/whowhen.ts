/**
 * Who&When as github.com/ag2ai/Agents_Failure_Attribution lays it out: `Who&When/{Algorithm-Generated,Hand-Crafted}/<n>.json`
 * with `history[]` {content, role, name?}, `mistake_agent`, `mistake_step` (index into the history), `question`, `system_prompt?`.
 * `ground_truth` is not read: a run in production has none.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WhoWhenLabel } from '../pack.ts';
import { conversation, idOf, type PublicRun } from './otlp.ts';

interface WhoWhenFile {
  readonly history?: readonly { readonly content?: string; readonly role?: string; readonly name?: string }[];
  readonly mistake_agent?: string;
  readonly mistake_step?: string | number;
  readonly question?: string;
  readonly system_prompt?: Readonly<Record<string, string>>;
}

const SUBSETS = [
  { subset: 'algorithm_generated', folder: 'Algorithm-Generated' },
  { subset: 'hand_crafted', folder: 'Hand-Crafted' },
] as const;

export function readWhoWhen(folder: string): PublicRun[] {
  const root = existsSync(join(folder, 'Who&When')) ? join(folder, 'Who&When') : folder;
  const runs = SUBSETS.flatMap(({ subset, folder: name }) => {
    const own = join(root, name);
    if (!existsSync(own)) return [];
    return readdirSync(own)
      .filter((file) => file.endsWith('.json'))
      .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
      .map((file) =>
        run(`${subset}/${file.slice(0, -5)}`, subset, JSON.parse(readFileSync(join(own, file), 'utf8')) as WhoWhenFile),
      );
  });
  if (runs.length === 0)
    throw new Error(`${folder}: no Who&When runs. Expected Algorithm-Generated/<n>.json and Hand-Crafted/<n>.json.`);
  return runs;
}

function run(key: string, subset: string, data: WhoWhenFile): PublicRun {
  const traceId = idOf(32, 'whowhen', key);
  const turns = (data.history ?? []).map(({ content, role, name }) => {
    // Hand-Crafted names the speaker in `role`, with a remark behind it: `Orchestrator (thought)`.
    const agent = name ?? (role ?? '').replace(/\s*\(.*$/s, '');
    const system = data.system_prompt?.[agent];
    return { agent, text: content ?? '', ...(system === undefined ? {} : { system }) };
  });
  const label: Omit<WhoWhenLabel, 'file'> = {
    trace_id: traceId,
    subset,
    mistake_agent: data.mistake_agent ?? '',
    mistake_step: data.mistake_step ?? -1,
  };
  return { key, label, request: conversation(traceId, 'team', data.question ?? '', turns) };
}
