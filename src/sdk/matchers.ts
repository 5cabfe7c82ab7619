/** Which tool calls a hook looks at. */
import { textOf } from './trace.ts';

export interface ToolMatcher {
  /** For `HookMatcher.matcher` of the Claude Agent SDK and `matcher` of settings.json: narrows by name, before `matches`. */
  readonly pattern: string;
  matches(tool: string, input: unknown): boolean;
}

export interface MatcherOptions {
  /** Names, or regular expressions that the whole name must match. Default: every tool. */
  readonly tools?: readonly (string | RegExp)[];
  /** The same, for tools that are left out. */
  readonly exclude?: readonly (string | RegExp)[];
  /** Must be found in the input as JSON (a string input as it is), of which the first 10,000 characters are read. */
  readonly inputPattern?: RegExp;
}

/** A pattern's cost is that of its author; the text it runs over is bounded. */
const MAX_INPUT_CHARS = 10_000;

/** Throws a SyntaxError if a pattern is none. */
export function createMatcher({ tools = ['.*'], exclude = [], inputPattern }: MatcherOptions = {}): ToolMatcher {
  const source = (one: string | RegExp) => `(?:${typeof one === 'string' ? one : one.source})`;
  const pattern = tools.map((one) => (typeof one === 'string' ? one : one.source)).join('|');
  const named = new RegExp(`^(?:${tools.map(source).join('|') || '(?!)'})$`);
  const left = new RegExp(`^(?:${exclude.map(source).join('|') || '(?!)'})$`);
  // `g` and `y` would make the answer depend on the call before.
  const within = inputPattern && new RegExp(inputPattern.source, inputPattern.flags.replace(/[gy]/g, ''));
  return {
    pattern,
    matches(tool, input) {
      if (!named.test(tool) || left.test(tool)) return false;
      return within === undefined || within.test(textOf(input)?.slice(0, MAX_INPUT_CHARS) ?? '');
    },
  };
}

/**
 * What destroys or takes rights: recursive and forced removal, history and work of git thrown away, disks and file systems, rights
 * for everybody, other users, programs piped from the network into a shell, the machine switched off, tables dropped.
 */
const dangerous = new RegExp(
  [
    String.raw`\brm\s+(?:-[\w-]+\s+)*-(?:\w*[rRf]|-recursive|-force)`,
    String.raw`\bgit\s+(?:reset\s+--hard|clean\s+-\w*f|push\s+(?:[^|;&]{0,200}\s)?(?:--force|-f\b)|checkout\s+--\s|branch\s+-D\b)`,
    String.raw`\b(?:sudo|doas|pkexec)\b|\bsu\s+-`,
    String.raw`\b(?:mkfs(?:\.\w+)?|wipefs|shred|fdisk|parted)\b|\bdd\s+[^|;&]{0,200}\bof=`,
    String.raw`>\s{0,3}/dev/(?:sd|nvme|disk)`,
    String.raw`\bchmod\s+(?:-\w+\s+)*(?:0?777|[augo]*\+s)|\bchown\s+-\w*R`,
    String.raw`\b(?:curl|wget)\b[^|;&]{0,500}\|\s{0,3}(?:sudo\s+)?(?:ba|z|da|k)?sh\b`,
    String.raw`\b(?:shutdown|reboot|halt|poweroff)\b|\bkill\s+-9\s+-1\b`,
    String.raw`\b(?:drop|DROP)\s+(?:table|TABLE|database|DATABASE|schema|SCHEMA)\b|\b(?:truncate\s+table|TRUNCATE\s+TABLE)\b`,
  ].join('|'),
);

const SHELLS = ['Bash', 'bash', 'computer', 'shell'];

export const ALL_TOOLS: ToolMatcher = createMatcher();
export const FILE_TOOLS: ToolMatcher = createMatcher({
  tools: ['Read', 'Write', 'Edit', 'Glob', 'Grep', 'file_read', 'file_write'],
});
export const SHELL_TOOLS: ToolMatcher = createMatcher({ tools: SHELLS });
/** Calls of a shell whose input has a destructive command or one that takes rights; quoted text counts too. */
export const DANGEROUS_COMMANDS: ToolMatcher = createMatcher({ tools: SHELLS, inputPattern: dangerous });
/** `Agent` is what Claude Code calls its `Task` now. */
export const AGENT_TOOLS: ToolMatcher = createMatcher({ tools: ['Task', 'Agent', 'agent', 'spawn'] });
