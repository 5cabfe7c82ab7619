/** Function words of English: they say nothing about what a text is about. Hashes as in `tokens.ts`. */
import { FNV_START } from './hash.ts';

const list =
  'a an the and or but nor so yet if then else than that this these those there here which who whom whose what when where why how ' +
  'i me my mine we us our ours you your yours he him his she her hers it its they them their theirs one ' +
  'is am are was were be been being do does did done doing have has had having will would shall should can could may might must ' +
  'to of in on at by for with from into onto about over under between through during before after above below up down out off again ' +
  "not no don't doesn't didn't isn't aren't wasn't weren't won't can't couldn't shouldn't it's i'm i've i'll we're you're that's let's " +
  'as all any both each few more most other some such only own same too very just also now please';

/** Open addressing, one quarter full: a look-up is one or two reads. */
const SLOTS = 1_024;
const table = new Int32Array(SLOTS);

for (const word of list.split(' ')) {
  let hash = FNV_START | 0;
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 16777619);
  let at = hash & (SLOTS - 1);
  while (table[at] !== 0 && table[at] !== hash) at = (at + 1) & (SLOTS - 1);
  table[at] = hash;
}

export function isStopWord(hash: number): boolean {
  for (let at = hash & (SLOTS - 1); table[at] !== 0; at = (at + 1) & (SLOTS - 1)) if (table[at] === hash) return true;
  return false;
}
