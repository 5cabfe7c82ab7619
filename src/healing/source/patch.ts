/**
 * A remedy put into a Python file of the user, as text: nothing is written. Where the remedy ends in one call and the file has exactly one
 * call of that name, what the remedy adds to it is added there, with the imports and definitions it needs; else the remedy stands at the end.
 */
import { between, blanked, type Call, callsOf } from './python.ts';

export interface Patched {
  readonly text: string;
  /** What was done, as a sentence. */
  readonly how: string;
}

interface Edit {
  readonly at: number;
  readonly to: number;
  readonly text: string;
}

interface Parts {
  readonly imports: readonly string[];
  /** Before the call. */
  readonly definitions: string;
  /** As `agent = create_agent(…)`; absent: it ends otherwise. */
  readonly call: { readonly name: string; readonly text: string } | undefined;
}

/** Lines of the file keep their ends, and new ones have those of its first. */
export function patched(source: string, remedy: string): Patched {
  const end = /\r\n|\n/.exec(source)?.[0] ?? '\n';
  const plain = source.replaceAll('\r\n', '\n');
  // Of lines that end in two ways those that change would not be told from those that do not.
  const { text, how } = place(end === '\n' ? source : plain, remedy);
  return { text: end === '\n' ? text : text.replaceAll('\n', '\r\n'), how };
}

function place(source: string, remedy: string): Patched {
  const code = blanked(source);
  const parts = partsOf(remedy);
  const atEnd = (why: string): Patched => {
    const rest = remedy.split('\n').filter((line) => !parts.imports.includes(line));
    const block = `\n\n# Proposed, to be put where it belongs: ${why}\n${rest.join('\n').trim()}\n`;
    const base = source === '' || source.endsWith('\n') ? source : `${source}\n`;
    const edits = code === undefined ? [] : importEdits(source, code, parts.imports, '');
    const imports = code === undefined ? `${parts.imports.join('\n')}\n` : '';
    return { text: `${applied(base, edits)}${imports}${block}`, how: `At the end of the file: ${why}` };
  };
  if (code === undefined) return atEnd('the file is not understood (a string or bracket does not end).');
  if (parts.call === undefined) return atEnd('the remedy is no argument of one call.');
  const { name } = parts.call;
  const calls = callsOf(code, name);
  if (calls.length !== 1) return atEnd(`the file has ${calls.length} calls of ${name}.`);
  const call = calls[0] as Call;
  const edits = argumentEdits(source, code, call, parts.call);
  if (edits === undefined) return atEnd(`its call of ${name} has these arguments already.`);
  const line = source.slice(0, call.open).split('\n').length;
  return {
    text: applied(source, [...importEdits(source, code, parts.imports, parts.definitions), ...edits]),
    how: `Into the call of ${name} in line ${line}.`,
  };
}

function partsOf(remedy: string): Parts {
  const lines = remedy.trim().split('\n');
  const imports = lines.filter((line) => /^(?:import|from)\s/.test(line));
  const rest = lines
    .filter((line) => !imports.includes(line))
    .join('\n')
    .trim();
  const [, before = '', text, name] =
    /^([\s\S]*?)^((?:\w+ = )?([\w.]+)\([^\n]*(?:\n(?:[ \t)\]}][^\n]*|))*)$(?![\s\S])/m.exec(rest) ?? [];
  const call = text === undefined || name === undefined ? undefined : { name, text };
  return { imports, definitions: call === undefined ? rest : before.trim(), call };
}

/** `undefined`: an argument is there, with another value that is not to be dropped. */
function argumentEdits(source: string, code: string, call: Call, wanted: { name: string; text: string }): Edit[] | undefined {
  const theirs = blanked(wanted.text);
  const [model] = theirs === undefined ? [] : callsOf(theirs, wanted.name);
  if (theirs === undefined || model === undefined) return undefined;
  if (call.arguments.some(({ name, from, to }) => name === undefined && code.slice(from, to).trim().startsWith('**')))
    return undefined;
  const edits: Edit[] = [];
  const added: string[] = [];
  for (const { name, from, to } of model.arguments) {
    const value = wanted.text.slice(from, to).trim();
    // By position, or a name that stands for what the user has there.
    if (name === undefined || value === name) continue;
    const own = call.arguments.find((one) => one.name === name);
    const extends_ = value.startsWith(`${name} + `);
    if (own === undefined) {
      if (extends_) return undefined;
      added.push(`${name}=${value}`);
      continue;
    }
    const edit = changed(source, code, own, value, extends_ ? name : undefined);
    if (edit === undefined) return undefined;
    edits.push(edit);
  }
  if (added.length > 0) edits.push(insertion(source, code, call, added));
  return edits.length === 0 ? undefined : edits;
}

function changed(
  source: string,
  code: string,
  own: { from: number; to: number },
  value: string,
  extended: string | undefined,
): Edit | undefined {
  const raw = source.slice(own.from, own.to);
  const to = own.from + raw.trimEnd().length;
  const text = source.slice(own.from, to);
  if (extended !== undefined) return { at: own.from, to, text: `(${text})${value.slice(extended.length)}` };
  if (code[own.from] === '[' && code[to - 1] === ']' && value.startsWith('[') && value.endsWith(']')) {
    const items = between(code, own.from + 1, to - 1).some(({ from, to: last }) => source.slice(from, last).trim() !== '');
    return { at: own.from + 1, to: own.from + 1, text: `${value.slice(1, -1).trim().replace(/,$/, '')}${items ? ', ' : ''}` };
  }
  const literal = /^(?:-?[\d._]+|True|False|None)$/;
  return literal.test(text) && literal.test(value) && text !== value ? { at: own.from, to, text: value } : undefined;
}

/** Behind the last argument, in the manner of the call: on lines of their own where the brackets stand so. */
function insertion(source: string, code: string, call: Call, added: readonly string[]): Edit {
  const inside = code.slice(call.open + 1, call.close);
  const at = call.open + 1 + inside.trimEnd().length;
  const last = inside.trim();
  const comma = last === '' || last.endsWith(',') ? '' : ',';
  if (!inside.includes('\n') || last === '') return { at, to: at, text: `${comma}${last === '' ? '' : ' '}${added.join(', ')}` };
  const lineStart = source.lastIndexOf('\n', call.open + 1 + inside.indexOf(last.slice(0, 1))) + 1;
  const indent = /^[ \t]*/.exec(source.slice(lineStart))?.[0] ?? '';
  return { at, to: at, text: `${comma}${added.map((one) => `\n${indent}${one},`).join('')}` };
}

/** What the file has not imported, behind its imports; then what the call needs. */
function importEdits(source: string, code: string, imports: readonly string[], definitions: string): Edit[] {
  const missing = imports.flatMap((line) => {
    const [, module, names = ''] = /^from (\S+) import (.+)$/.exec(line) ?? [];
    if (module === undefined) return new RegExp(`^${escaped(line)}[ \\t]*$`, 'm').test(code) ? [] : [line];
    const there = [...code.matchAll(new RegExp(`^from ${escaped(module)} import (\\([^)]*\\)|[^\\n]*)`, 'gm'))]
      .map(([, one]) => one ?? '')
      .join(' ');
    const absent = names
      .split(',')
      .map((one) => one.trim())
      .filter((one) => !new RegExp(`\\b${escaped(one)}\\b`).test(there));
    return absent.length === 0 ? [] : [`from ${module} import ${absent.join(', ')}`];
  });
  const text = [missing.join('\n'), definitions === '' ? '' : `\n\n${definitions}\n`].filter((one) => one !== '').join('\n');
  if (text === '') return [];
  const at = behindImports(source, code);
  return [{ at, to: at, text: `${at > 0 && source[at - 1] !== '\n' ? '\n' : ''}${text}\n` }];
}

function behindImports(source: string, code: string): number {
  const imports = [...code.matchAll(/^(?:import\s|from\s+\S+\s+import\s)(?:[^\n(]|\([^)]*\))*\n?/gm)];
  const last = imports.at(-1);
  if (last !== undefined) return last.index + last[0].length;
  // Behind the text that says what the file is.
  return /^(?:\s*#[^\n]*\n)*\s*(?:[rR]?(?:"""[\s\S]*?"""|'''[\s\S]*?''')[ \t]*\n)?/.exec(source)?.[0].length ?? 0;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function applied(source: string, edits: readonly Edit[]): string {
  return edits
    .toSorted((a, b) => b.at - a.at)
    .reduce((text, { at, to, text: into }) => text.slice(0, at) + into + text.slice(to), source);
}
