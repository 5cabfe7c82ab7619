/** From `--config` and `--set` to what the service is built from; `run`, `validate`, `print-config` and SIGHUP all ask here. */
import type { Command } from 'commander';
import type { LoadedConfig } from '../config/load.ts';
import type { ServiceSpec } from '../src/service/spec.ts';
import { defaultConfigFile } from './shipped.ts';

export interface Sources {
  readonly files: readonly string[];
  readonly sets: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

export interface ConfigOptions {
  readonly config?: readonly string[];
  readonly set?: readonly string[];
}

export interface Configured {
  /** Absent when a problem is an error. */
  readonly spec: ServiceSpec | undefined;
  readonly loaded: LoadedConfig;
  /** Printed: `file:line:column path: what is wrong. What to do.`; warnings too. */
  readonly problems: readonly string[];
  /** Those of `problems` that are no warnings. */
  readonly errors: readonly string[];
}

export function configOptions(command: Command): Command {
  const collect = (value: string, before: readonly string[] = []) => [...before, value];
  return command
    .option('-c, --config <source>', 'a file, env:NAME or yaml:text; several are merged in order', collect)
    .option('--set <path=value>', 'one value, after all files, e.g. processors.detect.emit_above=0.8', collect);
}

export function sourcesOf({ config = [], set = [] }: ConfigOptions): Sources {
  return { files: config.length === 0 ? [defaultConfigFile()] : config, sets: set, env: process.env, cwd: process.cwd() };
}

/** Never throws for what the user wrote: that is in `problems`. */
export async function configure(sources: Sources): Promise<Configured> {
  const [{ loadConfig }, { validateConfig }, { formatProblem }, { factories }] = await Promise.all([
    import('../config/load.ts'),
    import('../config/validate.ts'),
    import('../config/problem.ts'),
    import('./components.ts'),
  ]);
  const loaded = loadConfig(sources);
  const { config, problems } = validateConfig(loaded, factories);
  const errors = problems.filter((problem) => problem.severity === 'error').map(formatProblem);
  return { spec: config, loaded, problems: problems.map(formatProblem), errors };
}
