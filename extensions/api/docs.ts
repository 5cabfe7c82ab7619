/** The API's document as one page for people, without scripts. */

interface Operation {
  readonly tags: readonly string[];
  readonly summary: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required: boolean;
    readonly description?: string;
    readonly schema: unknown;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: unknown }>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { readonly schema?: unknown }>> }>>;
}

const STYLE = `:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h2{margin-top:2.5rem}details{border-top:1px solid #8884;padding:.4rem 0}summary{cursor:pointer}code,pre{font:13px/1.4 ui-monospace,monospace}
pre{overflow:auto;padding:.6rem;background:#8881}b{display:inline-block;min-width:4rem}td,th{text-align:left;padding:.1rem .8rem .1rem 0;vertical-align:top}`;

const escaped = (text: unknown): string => String(text).replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`);

export function docsPage(document: Readonly<Record<string, unknown>>): string {
  const { version } = document['info'] as { readonly version: string };
  const paths = document['paths'] as Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  const groups = new Map<string, string[]>();
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags[0] ?? '';
      groups.set(tag, [...(groups.get(tag) ?? []), entry(method, path, operation)]);
    }
  }
  const sections = [...groups].map(([tag, entries]) => `<h2>${escaped(tag)}</h2>${entries.join('')}`);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>misstep API</title>
<style>${STYLE}</style><h1>misstep API <small>${escaped(version)}</small></h1>
<p>As a document for programs: <a href="/api/v1/openapi.json">/api/v1/openapi.json</a>. Errors are RFC 9457 problems.</p>${sections.join('')}</html>`;
}

function entry(method: string, path: string, { summary, parameters = [], requestBody, responses }: Operation): string {
  const rows = parameters.map(
    ({ name, in: place, required, description = '', schema }) =>
      `<tr><td><code>${escaped(name)}</code><td>${escaped(place)}${required ? ', required' : ''}<td>${escaped(description)} <code>${escaped(JSON.stringify(schema))}</code>`,
  );
  const body = requestBody?.content['application/json']?.schema;
  const [status = '', success] = Object.entries(responses)[0] ?? [];
  const reply = Object.values(success?.content ?? {})[0]?.schema;
  const json = (title: string, value: unknown) =>
    value === undefined ? '' : `<p>${title}</p><pre>${escaped(JSON.stringify(value, null, 1))}</pre>`;
  return `<details><summary><b>${escaped(method.toUpperCase())}</b> <code>${escaped(path)}</code> ${escaped(summary)}</summary>
<table>${rows.join('')}</table>${json('Body', body)}${json(`Answer ${escaped(status)}`, reply)}</details>`;
}
