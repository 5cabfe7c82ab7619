/** Names in either spelling, and the parts of a content. */
import { isObject, member } from '../../../src/dialects/json.ts';
import { type Dict, list, word } from '../payload.ts';

/** By camelCase name; names are those of this code. */
const snakes = new Map<string, string>();

/** A member by its camelCase name, or in snake_case. */
export function both(value: unknown, name: string): unknown {
  const found = member(value, name);
  if (found !== undefined && found !== null) return found;
  let snake = snakes.get(name);
  if (snake === undefined) {
    snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    snakes.set(name, snake);
  }
  return member(value, snake);
}

/** Texts of the parts of a content, thoughts left out; `undefined` if there are none. */
export function textOf(content: unknown): string | undefined {
  const texts = list(member(content, 'parts')).flatMap((part) => {
    const text = word(member(part, 'text'));
    return text === undefined || member(part, 'thought') === true ? [] : [text];
  });
  return texts.length === 0 ? undefined : texts.join('\n');
}

/** The calls or answers among the parts of a content. */
export function partsOf(content: unknown, name: 'functionCall' | 'functionResponse'): readonly Dict[] {
  return list(member(content, 'parts')).flatMap((part) => {
    const found = both(part, name);
    return isObject(found) ? [withoutCredentials(found)] : [];
  });
}

/** The call by which ADK asks its client to sign in has the client's secret among its arguments, and its answer the user's. */
function withoutCredentials(call: Dict): Dict {
  if (call['name'] !== 'adk_request_credential') return call;
  return { id: call['id'], name: call['name'], args: { functionCallId: both(call['args'], 'functionCallId') } };
}
