/** misstep's own attributes as `Step.extra`: typed as the registry says, JSON parsed on the first look. */
import type { Value } from '../otlp/span.ts';
import { type AttributeType, attributes } from '../step/attributes.ts';
import { plain, read, text } from './json.ts';
import { amount } from './values.ts';

const prefix = 'misstep.';
const exact = new Map<string, AttributeType>();
const families: { readonly start: string; readonly type: AttributeType }[] = [];
for (const { key, type } of attributes) {
  const name = key.slice(prefix.length);
  if (name.endsWith('*')) families.push({ start: name.slice(0, -1), type });
  else exact.set(name, type);
}

/** A value under the type of its name. SDKs that know strings only write the others as text. A name that is not registered is read as JSON where it is JSON. */
function readOwn(name: string, value: Value): unknown {
  const type = exact.get(name) ?? families.find(({ start }) => name.startsWith(start))?.type ?? 'json';
  switch (type) {
    case 'string':
      return text(plain(value)) ?? read(value);
    case 'int':
    case 'double':
      return amount(value) ?? plain(value);
    case 'boolean':
      return value === 'true' ? true : value === 'false' ? false : plain(value);
    default:
      return read(value);
  }
}

/** Puts a value on the object that is read when it is asked for, and then stays. */
export function setLazily(target: Record<string, unknown>, name: string, value: Value): void {
  if (Object.hasOwn(target, name)) return;
  const put = (found: unknown) => Object.defineProperty(target, name, { value: found, enumerable: true, configurable: true });
  if (typeof value !== 'string') {
    put(readOwn(name, value));
    return;
  }
  Object.defineProperty(target, name, {
    enumerable: true,
    configurable: true,
    get: () => {
      const found = readOwn(name, value);
      put(found);
      return found;
    },
  });
}
