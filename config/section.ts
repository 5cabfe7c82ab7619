/** The sections of a configuration, and the ids of what stands in them. */
import type { ComponentConfig, ComponentKind, PipelineConfig } from './service-config.ts';

export const SECTIONS: readonly (readonly [string, ComponentKind])[] = [
  ['receivers', 'receiver'],
  ['processors', 'processor'],
  ['exporters', 'exporter'],
  ['connectors', 'connector'],
  ['extensions', 'extension'],
];

/** One section of the file; what has problems of its own is defined all the same, so that references to it are not wrong too. */
export interface Section<F> {
  readonly name: string;
  readonly defined: ReadonlyMap<string, F | undefined>;
  readonly components: ReadonlyMap<string, ComponentConfig<F>>;
}

export interface Service {
  readonly pipelines: readonly PipelineConfig[];
  readonly started: readonly string[];
}

export type Sections<F> = Readonly<Record<'receivers' | 'processors' | 'exporters' | 'connectors' | 'extensions', Section<F>>>;

const TYPE = /^[a-zA-Z][0-9a-zA-Z_]{0,62}$/;
const NAME = /^[^\p{Z}\p{C}\p{S}]{1,1024}$/u;

/** `type[/name]` in its parts, trimmed; what is wrong with it otherwise. */
export function parseId(text: string): { readonly id: string; readonly type: string } | { readonly wrong: string } {
  const slash = text.indexOf('/');
  const type = (slash < 0 ? text : text.slice(0, slash)).trim();
  const name = slash < 0 ? undefined : text.slice(slash + 1).trim();
  if (!TYPE.test(type))
    return { wrong: `not a component id, '${text}'. Write type or type/name; a type is letters, digits and _, a letter first.` };
  if (name === '') return { wrong: `nothing stands after the slash, '${text}'. Write type or type/name.` };
  if (name !== undefined && !NAME.test(name))
    return { wrong: `not a component id, '${text}'. The name may not hold spaces or symbols.` };
  return { id: name === undefined ? type : `${type}/${name}`, type };
}
