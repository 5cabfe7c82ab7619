/** The commands that stand in the documentation: `misstep …`, also behind npx, in blocks of code. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Words of the table in the README that stand behind a command and say what it does are two spaces or more away. */
const COMMENT = /( {2,}| +#).*$/;

/** By command, the files it stands in. */
export function commandsOf(root: string): Map<string, string[]> {
  const commands = new Map<string, string[]>();
  const files = ['docs', 'examples'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  );
  for (const path of ['README.md', ...files.filter((name) => name.endsWith('.md') && !name.startsWith('docs/adr'))].sort()) {
    for (const line of blocks(readFileSync(join(root, path), 'utf8'))) {
      const command = /^(?:\$ )?((?:npx (?:--\S+ )?)?misstep(?:@\S+)? .*)$/.exec(line)?.[1]?.replace(COMMENT, '');
      // What misstep prints begins with its name too.
      if (command === undefined || /^misstep \S*[:\d]/.test(command)) continue;
      commands.set(command, [...(commands.get(command) ?? []), path]);
    }
  }
  return commands;
}

/** Lines of fenced blocks and of blocks that are indented by four spaces. */
function* blocks(text: string): Generator<string> {
  let fence: string | undefined;
  for (const line of text.split('\n')) {
    const mark = /^\s*(```+)/.exec(line)?.[1];
    if (mark !== undefined) fence = fence === undefined ? mark : undefined;
    else if (fence !== undefined || line.startsWith('    ')) yield line.trim();
  }
}
