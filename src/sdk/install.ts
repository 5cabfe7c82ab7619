/**
 * Writes misstep's hooks into the settings of Claude Code or Cursor, and takes them out again. What is there stays as it is. Beside the
 * file a note keeps what it was, so that `uninstall` puts it back byte for byte unless somebody has changed it since.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { isObject } from '../dialects/json.ts';

export type HookAgent = 'claude-code' | 'cursor';

export interface InstallOptions {
  /** Default `claude-code`. */
  readonly agent?: HookAgent;
  /** `user`: of this person, in all projects; `project`: of the working directory. Default `user`. */
  readonly scope?: 'user' | 'project';
  /** Instead of the file that follows from agent and scope. */
  readonly file?: string;
  /** Where hooks are taken. Default `http://127.0.0.1:4320/api/v1/hooks/claude-code`. */
  readonly url?: string;
  /** Claude Code sends `MISSTEP_API_KEY` of its environment as a bearer token. Default false. `misstep hook` always does. */
  readonly auth?: boolean;
  /** Changes nothing. */
  readonly dryRun?: boolean;
}

export interface Installed {
  readonly file: string;
  readonly changed: boolean;
  /** The file as it is now, or would be; `undefined` = there is none. */
  readonly text: string | undefined;
}

/** The settings are not such that hooks can be written into them; nothing was changed. */
export class SettingsError extends Error {}

const HOOK_URL = 'http://127.0.0.1:4320/api/v1/hooks/claude-code';
const HOOK_PATH = '/api/v1/hooks/claude-code';
/** Seconds. misstep answers within 80 ms or not at all. */
const TIMEOUT_S = 1;
/** Settings of people have some KB. */
const MAX_BYTES = 4 * 1024 * 1024;

const EVENTS: Readonly<Record<HookAgent, readonly string[]>> = {
  'claude-code': [
    'PreToolUse',
    'PostToolUse',
    'PostToolUseFailure',
    'PermissionDenied',
    'UserPromptSubmit',
    'SubagentStop',
    'Stop',
    'SessionEnd',
  ],
  cursor: [
    'preToolUse',
    'postToolUse',
    'postToolUseFailure',
    'beforeSubmitPrompt',
    'afterAgentResponse',
    'subagentStop',
    'sessionEnd',
  ],
};

interface Note {
  /** The file before; null if there was none. */
  readonly original: string | null;
  /** SHA-256 of what was written. */
  readonly written: string;
}

type Settings = Record<string, unknown>;

/** Adds the hooks that are not there. Twice is once; another `url` replaces the one before. Throws a SettingsError. */
export function install(options: InstallOptions = {}): Installed {
  const agent = checkedAgent(options.agent);
  const url = checkedUrl(options.url ?? HOOK_URL);
  const file = fileOf(options, agent);
  const before = read(file);
  const settings = before === undefined ? {} : parse(file, before);
  const hooks = hooksOf(file, settings);
  for (const event of EVENTS[agent]) {
    const entry = agent === 'cursor' ? { command: commandOf(url) } : { hooks: [httpHook(url, options.auth ?? false)] };
    const [kept, own] = divided(file, event, hooks[event]);
    hooks[event] = own.length === 1 && JSON.stringify(own[0]) === JSON.stringify(entry) ? hooks[event] : [...kept, entry];
  }
  const after: Settings = agent === 'cursor' ? { version: 1, ...settings, hooks } : { ...settings, hooks };
  const text = before !== undefined && same(parse(file, before), after) ? before : written(after, before);
  if (text === before) return { file, changed: false, text };
  if (!options.dryRun) {
    const known = readNote(file);
    // Of a file that was written by an earlier install the note keeps what was before that.
    const original = known !== undefined && known.written === digest(before ?? '') ? known.original : (before ?? null);
    write(noteOf(file), JSON.stringify({ original, written: digest(text) } satisfies Note), 0o600);
    write(file, text);
  }
  return { file, changed: true, text };
}

/** Takes out what `install` has put in. Throws a SettingsError if the file is not such that this can be done. */
export function uninstall(options: Pick<InstallOptions, 'agent' | 'scope' | 'file' | 'dryRun'> = {}): Installed {
  const agent = checkedAgent(options.agent);
  const file = fileOf(options, agent);
  const before = read(file);
  if (before === undefined) {
    if (!options.dryRun) rmSync(noteOf(file), { force: true });
    return { file, changed: false, text: undefined };
  }
  const note = readNote(file);
  const untouched = note !== undefined && note.written === digest(before);
  const text = untouched ? (note.original ?? undefined) : withoutHooks(file, before);
  if (!options.dryRun) {
    if (text === undefined) rmSync(file);
    else if (text !== before) write(file, text);
    rmSync(noteOf(file), { force: true });
  }
  return { file, changed: text !== before, text };
}

/** Our hooks out of settings that somebody has changed since. */
function withoutHooks(file: string, before: string): string {
  const settings = parse(file, before);
  const hooks = hooksOf(file, settings);
  let found = false;
  for (const event of Object.keys(hooks)) {
    const [kept, own] = divided(file, event, hooks[event]);
    if (own.length === 0) continue;
    found = true;
    if (kept.length > 0) hooks[event] = kept;
    else delete hooks[event];
  }
  if (!found) return before;
  const { hooks: _, ...rest } = settings;
  return written(Object.keys(hooks).length > 0 ? { ...settings, hooks } : rest, before);
}

/** What is not ours and what is, of one event. An entry that holds ours beside others keeps the others. */
function divided(file: string, event: string, entries: unknown): readonly [kept: unknown[], own: unknown[]] {
  if (entries === undefined) return [[], []];
  if (!Array.isArray(entries))
    throw new SettingsError(`${file}: hooks.${event} must be a list, got ${typeof entries}. Correct it first.`);
  const kept: unknown[] = [];
  const own: unknown[] = [];
  for (const entry of entries as unknown[]) {
    const inner = isObject(entry) ? (entry as Settings)['hooks'] : undefined;
    if (!Array.isArray(inner)) (isOurs(entry) ? own : kept).push(entry);
    else {
      const [ours, others] = [inner.filter(isOurs), inner.filter((one) => !isOurs(one))];
      if (ours.length > 0) own.push({ ...(entry as Settings), hooks: ours });
      if (ours.length === 0) kept.push(entry);
      else if (others.length > 0) kept.push({ ...(entry as Settings), hooks: others });
    }
  }
  return [kept, own];
}

function isOurs(hook: unknown): boolean {
  if (!isObject(hook)) return false;
  const { url, command } = hook as Settings;
  if (typeof url === 'string' && URL.canParse(url)) return new URL(url).pathname === HOOK_PATH;
  return typeof command === 'string' && /^misstep hook(?:\s|$)/.test(command);
}

function httpHook(url: string, auth: boolean): Settings {
  const key = { headers: { Authorization: 'Bearer $MISSTEP_API_KEY' }, allowedEnvVars: ['MISSTEP_API_KEY'] };
  return { type: 'http', url, timeout: TIMEOUT_S, ...(auth ? key : {}) };
}

function commandOf(url: string): string {
  return url === HOOK_URL ? 'misstep hook' : `misstep hook --url "${url}"`;
}

function checkedAgent(agent: string = 'claude-code'): HookAgent {
  if (agent === 'claude-code' || agent === 'cursor') return agent;
  throw new SettingsError(`agent ${agent}: unknown. Use claude-code or cursor.`);
}

/** It stands within quotes in a command line. */
function checkedUrl(text: string): string {
  const ok = URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).pathname === HOOK_PATH;
  if (ok && !/["'`$\\\s]/.test(text)) return text;
  throw new SettingsError(`url ${text}: must be of http or https and end in ${HOOK_PATH}, for example ${HOOK_URL}.`);
}

/** Of a link, what it points to: people keep settings elsewhere. */
function fileOf({ file, scope = 'user' }: InstallOptions, agent: HookAgent): string {
  const base = scope === 'project' ? process.cwd() : homedir();
  const { CLAUDE_CONFIG_DIR: own } = process.env;
  const claude = scope === 'user' && own !== undefined && own !== '' ? own : join(base, '.claude');
  const named = file ?? (agent === 'cursor' ? join(base, '.cursor', 'hooks.json') : join(claude, 'settings.json'));
  return existsSync(named) ? realpathSync(named) : named;
}

function read(file: string): string | undefined {
  try {
    if (statSync(file).size > MAX_BYTES)
      throw new SettingsError(`${file}: larger than ${MAX_BYTES} bytes. These are no settings.`);
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (error instanceof SettingsError) throw error;
    throw new SettingsError(`${file}: cannot be read (${code ?? String(error)}).`);
  }
}

function parse(file: string, text: string): Settings {
  if (text.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SettingsError(
      `${file}: not JSON (${error instanceof Error ? error.message : ''}). Correct it first; nothing was changed.`,
    );
  }
  if (isObject(value) && !Array.isArray(value)) return value as Settings;
  throw new SettingsError(`${file}: must be a JSON object, got ${Array.isArray(value) ? 'a list' : typeof value}.`);
}

function hooksOf(file: string, { hooks = {} }: Settings): Settings {
  if (isObject(hooks) && !Array.isArray(hooks)) return { ...hooks };
  throw new SettingsError(
    `${file}: hooks must be an object, got ${Array.isArray(hooks) ? 'a list' : typeof hooks}. Correct it first.`,
  );
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Indented as the file was. */
function written(settings: Settings, before: string | undefined): string {
  const indent = /^\{\r?\n([ \t]+)/.exec(before ?? '')?.[1] ?? '  ';
  return `${JSON.stringify(settings, null, indent)}\n`;
}

function noteOf(file: string): string {
  return `${file}.misstep`;
}

function readNote(file: string): Note | undefined {
  try {
    const note = JSON.parse(readFileSync(noteOf(file), 'utf8')) as Partial<Note> | null;
    const ok = typeof note?.written === 'string' && (note.original === null || typeof note.original === 'string');
    return ok ? (note as Note) : undefined;
  } catch {
    return undefined;
  }
}

/** Whole or not at all; with the rights that the file had. */
function write(file: string, text: string, mode?: number): void {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(temporary, text, { mode: mode ?? (existsSync(file) ? statSync(file).mode & 0o777 : 0o644) });
    renameSync(temporary, file);
  } catch (error) {
    if (existsSync(temporary)) rmSync(temporary);
    throw new SettingsError(`${file}: cannot be written (${(error as NodeJS.ErrnoException).code ?? String(error)}).`);
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
