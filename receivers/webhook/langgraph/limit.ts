/** How many supersteps a run may take. */
import { member } from '../../../src/dialects/json.ts';
import { type Dict, dict, errorOf, firstNumber, firstWord, number, word } from '../payload.ts';
import { versionsIn } from './debug.ts';

/** langgraph for Python from 1.0 on: DEFAULT_RECURSION_LIMIT of its _internal/_config.py. */
const pythonLimit = 10_007;
/** Earlier versions, and langgraph for JavaScript. */
const olderLimit = 25;

/** As stated by the run, else by its config, else by its error, else the default of the version that it names. */
export function limitOf(body: Dict, config: unknown): number | undefined {
  const stated = firstNumber(body, ['recursion_limit']) ?? firstNumber(config, ['recursion_limit', 'recursionLimit']);
  if (stated !== undefined) return stated;
  const message = errorOf(member(body, 'error'))?.message.slice(0, 2048) ?? '';
  const said = /Recursion limit of (\d{1,9}) reached/.exec(message);
  if (said !== null) return number(said[1]);
  return defaultOf(body);
}

function defaultOf(body: Dict): number | undefined {
  const metadata = dict(member(body, 'metadata'));
  const versions = { ...dict(member(body, 'versions')), ...versionsIn(metadata), ...versionsIn(body) };
  if (word(member(versions, 'langgraph_js_version')) !== undefined) return olderLimit;
  const language = (
    firstWord(body, ['language', 'sdk_language']) ??
    firstWord(metadata, ['language', 'sdk_language']) ??
    'python'
  ).toLowerCase();
  const version = firstWord(versions, ['langgraph_version']);
  if (/^(?:js|javascript|typescript|node)/.test(language)) return olderLimit;
  const major = version === undefined ? undefined : number(version.split('.')[0]);
  if (major === undefined) return undefined;
  return major >= 1 ? pythonLimit : olderLimit;
}
