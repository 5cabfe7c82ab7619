/**
 * A transcript is a tree: who goes back to an earlier message and asks again leaves the old answer in the file. What leads to the
 * last message is the session; each answer that was left is a run of its own.
 */
import { member } from '../../../src/dialects/json.ts';
import { type Dict, flag, word } from '../payload.ts';
import { isPrompt } from './agents.ts';

export interface Branches {
  readonly current: readonly Dict[];
  /** By the id of the prompt that begins each. */
  readonly left: ReadonlyMap<string, readonly Dict[]>;
}

/** Calls that run side by side fork the tree too, so only prompts of one parent are choices. */
export function branches(records: readonly Dict[]): Branches {
  const lastChoice = new Map<string, string>();
  for (const record of records) {
    const choice = choiceOf(record);
    if (choice !== undefined) lastChoice.set(choice.parent, choice.uuid);
  }
  const current: Dict[] = [];
  const left = new Map<string, Dict[]>();
  const branchOf = new Map<string, string>();
  for (const record of records) {
    const uuid = word(member(record, 'uuid'));
    const choice = choiceOf(record);
    const parent = word(member(record, 'parentUuid')) ?? word(member(record, 'logicalParentUuid'));
    const given = choice !== undefined && lastChoice.get(choice.parent) !== choice.uuid ? choice.uuid : undefined;
    const branch = given ?? (parent === undefined ? undefined : branchOf.get(parent));
    if (branch === undefined) {
      current.push(record);
      continue;
    }
    if (uuid !== undefined) branchOf.set(uuid, branch);
    const kept = left.get(branch);
    if (kept === undefined) left.set(branch, [record]);
    else kept.push(record);
  }
  return { current, left };
}

function choiceOf(record: Dict): { readonly parent: string; readonly uuid: string } | undefined {
  if (!isPrompt(record) || flag(member(record, 'isSidechain')) === true) return undefined;
  const parent = word(member(record, 'parentUuid'));
  const uuid = word(member(record, 'uuid'));
  return parent === undefined || uuid === undefined ? undefined : { parent, uuid };
}
