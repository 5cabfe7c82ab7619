/** Differences for people and for CI: a table, Markdown, GitHub's workflow commands. */
import { appendFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { styleText } from 'node:util';
import { printable } from '../../src/text/printable.ts';
import { redact } from '../../src/text/redact.ts';
import { type Difference, type State, shownOf } from './diff.ts';

/** What GitHub shows of one step is 10 errors, 10 warnings and 10 notices; the summary has all. */
const MAX_ANNOTATIONS = 30;
/** Rows of one table: a summary may have 1 MiB, a row less than 1 KiB. */
const MAX_ROWS = 500;

const colours = { found: 'yellow', new: 'red', changed: 'yellow', gone: 'green', same: 'dim' } as const;

/** One line each, those that are the same only counted. `colour`: the reader is a terminal that wants it. */
export function table(differences: readonly Difference[], colour: boolean): string {
  const paint = (state: State, text: string) => (colour ? styleText(colours[state], text) : text);
  let out = `${counted(differences)}\n`;
  for (const difference of differences) {
    const { state, blind } = difference;
    if (state === 'same') continue;
    const one = shownOf(difference);
    out += `  ${paint(state, state.toUpperCase().padEnd(8))} ${one.severity.toUpperCase().padEnd(8)} ${one.detector} ${clean(one.agent)}: ${clean(one.explanation)}\n`;
    const notes = [changes(difference), blind ? 'its detector could not look in every window now' : ''];
    for (const note of notes) if (note !== '') out += `                    ${note}\n`;
    out += `                    span ${clean(one.span_id)} of trace ${clean(one.trace_id)}, ${clean(one.source)}, fingerprint ${difference.fingerprint}\n`;
  }
  return out;
}

export function markdown(differences: readonly Difference[]): string {
  const rows = differences.filter(({ state }) => state !== 'same');
  let out = `### misstep: ${counted(differences)}\n`;
  if (rows.length === 0) return out;
  out += '\n| | severity | detector | agent | what | where |\n|---|---|---|---|---|---|\n';
  for (const difference of rows.slice(0, MAX_ROWS)) {
    const one = shownOf(difference);
    const blind = difference.blind ? 'its detector could not look in every window now' : '';
    const what = [one.explanation, changes(difference), blind].filter((part) => part !== '').map(cell);
    const where = `${cell(one.source)}<br>trace ${cell(one.trace_id)}, span ${cell(one.span_id)}`;
    out += `| ${difference.state} | ${one.severity} | ${cell(one.detector)} | ${cell(one.agent)} | ${what.join('<br>')} | ${where} |\n`;
  }
  return rows.length > MAX_ROWS ? `${out}\n${rows.length - MAX_ROWS} more are not shown.\n` : out;
}

/** New and severe ones are errors, other new ones warnings, the rest notices. */
export function annotations(differences: readonly Difference[]): string {
  let out = '';
  const rows = differences.filter(({ state }) => state !== 'same');
  for (const difference of rows.slice(0, MAX_ANNOTATIONS)) {
    const one = shownOf(difference);
    const fresh = difference.state === 'new' || difference.state === 'found';
    const level = !fresh ? 'notice' : one.severity === 'high' || one.severity === 'critical' ? 'error' : 'warning';
    const title = `${difference.state} ${one.severity}: ${one.detector}`;
    const text = `${clean(one.agent)}: ${clean(one.explanation)} ${changes(difference)}`.trim();
    // GitHub links files by their path in the repository.
    const file = relative('', resolve(one.source));
    out += `::${level} file=${property(file)},title=${property(title)}::${escaped(text)} (span ${clean(one.span_id)} of trace ${clean(one.trace_id)})\n`;
  }
  if (rows.length > MAX_ANNOTATIONS) out += `::notice::${rows.length - MAX_ANNOTATIONS} more stand in the summary of the job.\n`;
  return out;
}

/** Into the files that GitHub names to a step, if this is one: the job's summary, and counts as outputs. */
export function tellGithub(differences: readonly Difference[], env: NodeJS.ProcessEnv): void {
  const { GITHUB_STEP_SUMMARY: summary, GITHUB_OUTPUT: output } = env;
  if (summary) appendFileSync(summary, `${markdown(differences)}\n`);
  if (output) appendFileSync(output, STATES.map((state) => `${state}=${count(differences, state)}\n`).join(''));
}

const STATES = ['found', 'new', 'changed', 'gone', 'same'] as const;

function count(differences: readonly Difference[], wanted: State): number {
  return differences.filter(({ state }) => state === wanted).length;
}

function counted(differences: readonly Difference[]): string {
  const found = count(differences, 'found');
  if (found === differences.length && found > 0) return `${found} found`;
  if (differences.length === 0) return 'nothing found';
  return STATES.slice(1)
    .map((state) => `${count(differences, state)} ${state}`)
    .join(', ');
}

function changes({ state, before, now }: Difference): string {
  if (state !== 'changed' || !before || !now) return '';
  const said: string[] = [];
  if (before.worst.severity !== now.worst.severity) said.push(`severity ${before.worst.severity} → ${now.worst.severity}`);
  if (before.worst.confidence_tier !== now.worst.confidence_tier)
    said.push(`confidence ${before.worst.confidence_tier} → ${now.worst.confidence_tier}`);
  if (before.times !== now.times) said.push(`times ${before.times} → ${now.times}`);
  return said.join(', ');
}

/** The baseline is input: what it holds is not trusted more than what is played. */
function clean(text: string | null): string {
  return text === null ? '-' : printable(redact(text));
}

function cell(text: string | null): string {
  return clean(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replace(/[\\`*_[\]|~#@!]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

function escaped(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return escaped(clean(text)).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
