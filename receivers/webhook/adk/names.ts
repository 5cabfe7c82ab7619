/** Names in either spelling, and the text of a content. */
import { member } from '../../../src/dialects/json.ts';
import { list, word } from '../payload.ts';

/** A member by its camelCase name, or in snake_case. */
export function both(value: unknown, name: string): unknown {
  return (
    member(value, name) ??
    member(
      value,
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    )
  );
}

/** Texts of the parts of a content, thoughts left out; `undefined` if there are none. */
export function textOf(content: unknown): string | undefined {
  const texts = list(member(content, 'parts')).flatMap((part) => {
    const text = word(member(part, 'text'));
    return text === undefined || member(part, 'thought') === true ? [] : [text];
  });
  return texts.length === 0 ? undefined : texts.join('\n');
}
