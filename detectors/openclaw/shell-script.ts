/**
 * A command line or script as its meaning: comments go, values are put in where their names stand, paths are joined and straightened, and what is
 * thrown away is dropped, so that a path meets the command that uses it however it is written.
 */

export interface Script {
  readonly text: string;
  /** An absolute path goes up again (`/srv/data/../../etc`): who writes it straight needs no `..` (CWE-22). */
  readonly climbs: boolean;
}

/** Characters of a script that are read. */
export const SCRIPT_LIMIT = 8_192;
const LINES = 200;
const NAMES = 40;

/** Bounded: of longer scripts the first 8,192 characters are read, and forty names are put in. */
export function readScript(command: string): Script {
  const lines = command
    .slice(0, SCRIPT_LIMIT)
    .split('\n')
    .filter((line) => !/^\s*(?:#|\/\/)/.test(line));
  const put = substituted(lines);
  const text = straightened(put);
  return { text, climbs: put.includes('/../') && climb.test(put) };
}

const assignment =
  /^\s*(?:local |export |readonly |const |let |var |my )?\$?([A-Za-z_]\w{0,40})\s*=\s*(?:Path\(|b|f|r)?["']?([^"'\n`()]{1,200})["']?\)?;?\s*$/;

/** Variables of shells (`$a`, `${a}`), of format strings (`{a}`), and bare names of other languages where the value is a path. */
function substituted(lines: readonly string[]): string {
  let text = lines.join('\n');
  const values = new Map<string, string>();
  for (const line of lines.slice(0, LINES)) {
    const [, name, value] = assignment.exec(line) ?? [];
    if (name === undefined || value === undefined || /^\$[\d{@*#]/.test(value) || values.size >= NAMES) continue;
    values.set(name, withValues(value.trim(), values).slice(0, SCRIPT_LIMIT / NAMES));
  }
  text = withValues(text, values);
  for (const [name, value] of values)
    if (/^["']?[~.]*\//.test(value))
      text = text.replaceAll(new RegExp(String.raw`([(,+/]\s*)${name}\b(?!\s*=)`, 'g'), (_, open) => `${open}"${value}"`);
  return text.slice(0, 2 * SCRIPT_LIMIT);
}

function withValues(text: string, values: ReadonlyMap<string, string>): string {
  let result = text;
  for (const [name, value] of values)
    if (result.includes(`$${name}`) || result.includes(`{${name}}`))
      result = result
        .replaceAll(`\${${name}}`, () => value)
        .replaceAll(`$${name}`, () => value)
        .replaceAll(`{${name}}`, () => value);
  return result.slice(0, 2 * SCRIPT_LIMIT);
}

const climb = /(?<![\w.}$)])\/[A-Za-z][\w-]*(?:\/[\w.-]+)*\/\.\.\/[\w.]/;
/** Where output goes to be dropped or shown: neither a file nor a device that is written to. */
const dropped = /(?:\d|&)?>{1,2}&?\s*\/dev\/(?:null|stdout|stderr|tty|fd\/\d)\b|\/dev\/(?:null|stdout|stderr|tty)\b/g;
const joined = /(?:os\.path|path)\.join\(\s*["']([^"'\n]{0,200})["']\s*,\s*["']([^"'\n]{0,200})["']\s*\)/g;
const added = /(?:Path\()?["']([^"'\n]{0,200})["']\)?\s*[+/]\s*["']([^"'\n]{0,200})["']/g;

function straightened(text: string): string {
  let result = text.includes('/dev/') ? text.replaceAll(dropped, ' ') : text;
  if (result.includes('.join(')) result = result.replaceAll(joined, '"$1/$2"');
  if (/["']\)?\s*[+/]\s*["']/.test(result))
    result = result.replaceAll(added, (match, a, b) => (match.includes('/ ') ? `"${a}/${b}"` : `"${a}${b}"`));
  for (let i = 0; i < 4 && result.includes('/../'); i++) result = result.replaceAll(/\/[\w.-]{1,60}\/\.\.(?=\/)/g, '');
  return result.replaceAll(/(?<=[^:])\/{2,}(?=\w)/g, '/');
}

const between = /\|\|?&?|&&|[;\n`]|\$\(|<\(|(?<=^|\s)[({!]|-exec(?:dir)?\b|\bxargs\b|\b(?:ba|z|da)?sh\s+-\w*c\b/;
const before =
  /^(?:\s|["']|(?:sudo|exec|command|nohup|time|env|then|do|else|if|while|until|busybox)\s|-[\w-]+\s+(?=-|\w+\s)|[A-Za-z_]\w*=\S*\s)+/;
/** Calls of other languages that hand a command to a shell or start a program. */
const started =
  /\b(?:os\.system|os\.popen|popen|subprocess\.\w+|Popen|spawn(?:Sync)?|exec(?:File)?Sync|execFile|system|shell_exec|child_process\.exec)\s*\(\s*f?([^\n]{1,300})/g;

/** Simple commands, each from its program on, without pipes, lists, substitutions, assignments and `sudo`; also those that other languages start. */
export function commandsOf(text: string): string[] {
  const handed = text.includes('(')
    ? [...text.matchAll(started)].map(([, given]) => (given as string).replaceAll(/["'[\],)]+/g, ' '))
    : [];
  return [text, ...handed]
    .flatMap((part) => part.split(between))
    .slice(0, 2 * LINES)
    .map((part) => part.replace(before, '').trim())
    .filter((part) => part !== '');
}
