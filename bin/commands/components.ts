/** `misstep components`: what can be configured. */
import { type Command, Option } from 'commander';
import { version } from '../shipped.ts';

export function register(program: Command): void {
  program
    .command('components')
    .description('List the components that a configuration may name.')
    .addOption(new Option('--format <format>', 'how to print').choices(['yaml', 'json']).default('yaml'))
    .addHelpText('after', '\nExamples:\n  misstep components\n  misstep components --format json')
    .action(async ({ format }: { format: 'yaml' | 'json' }) => {
      const list = await describe();
      process.stdout.write(format === 'json' ? `${JSON.stringify(list, null, 2)}\n` : `${yaml(list, '').trimStart()}\n`);
    });
}

interface Described {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  readonly stability: Readonly<Record<string, string>>;
}

/** As the Collector groups them; stability per signal, a connector's as `traces-to-metrics`. */
export async function describe(): Promise<Readonly<Record<string, unknown>>> {
  const { factories } = await import('../components.ts');
  const groups: Record<string, Described[]> = { receivers: [], processors: [], exporters: [], connectors: [], extensions: [] };
  for (const factory of factories) {
    const keys =
      factory.kind === 'extension'
        ? ['extension']
        : factory.kind === 'connector'
          ? factory.signals.flatMap((from) => factory.produces.map((to) => `${from}-to-${to}`))
          : [...factory.signals];
    groups[`${factory.kind}s`]?.push({
      name: factory.type,
      ...(factory.aliases === undefined ? {} : { aliases: factory.aliases }),
      summary: factory.summary,
      stability: Object.fromEntries(keys.map((key) => [key, factory.stability])),
    });
  }
  return { buildinfo: { command: 'misstep', version: version() }, ...groups };
}

/** Block style for maps and lists of maps; texts as JSON, which is YAML too. */
export function yaml(value: unknown, indent: string): string {
  if (Array.isArray(value)) {
    if (value.every((item) => typeof item !== 'object')) return ` [${value.map((item) => JSON.stringify(item)).join(', ')}]`;
    return value.map((item) => `\n${indent}- ${yaml(item, `${indent}  `).trimStart()}`).join('');
  }
  if (typeof value !== 'object' || value === null) return ` ${JSON.stringify(value)}`;
  return Object.entries(value)
    .map(([key, inner]) => `\n${indent}${key}:${yaml(inner, `${indent}  `)}`)
    .join('');
}
