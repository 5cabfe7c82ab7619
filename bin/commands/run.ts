/** `misstep run`: the sidecar. */
import { resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import type { Command } from 'commander';
import { WatchedFiles } from '../../src/component/watched.ts';
import type { Service } from '../../src/service/service.ts';
import type { ServiceSpec } from '../../src/service/spec.ts';
import { type ConfigOptions, configOptions, configure, type Sources, sourcesOf } from '../configure.ts';
import { version } from '../shipped.ts';
import { checkMemory, memoryAtHand, oldSpace, restartWithOldSpace } from './memory.ts';

interface RunOptions extends ConfigOptions {
  readonly shutdownGrace: string;
  readonly watch?: boolean;
}

/** Between two looks at a file: what a person waits for without wondering. Looking follows the links that Kubernetes swaps. */
const WATCH_MS = 1_000;
/** Below the 30 s after which Kubernetes and most supervisors kill. */
const SHUTDOWN_GRACE = '25s';

export function register(program: Command): void {
  configOptions(program.command('run'))
    .description('Run the sidecar. Without --config it listens on 127.0.0.1:4317 and :4318 and prints what it finds.')
    .option('--shutdown-grace <duration>', 'how long accepted data may take to leave after SIGTERM', SHUTDOWN_GRACE)
    .option('--watch', 'read the configuration again when one of its files changes')
    .addHelpText(
      'after',
      `
Signals:
  SIGTERM, SIGINT   drain and stop; a second one cuts the drain short
  SIGHUP            read the configuration again; put in force only if it is without problems

Examples:
  misstep run
  misstep run -c misstep.yaml
  misstep run -c base.yaml -c site.yaml --set processors.detect.emit_above=0.8
  misstep run --set exporters.debug.verbosity=detailed`,
    )
    .action(async (options: RunOptions, command: Command) => {
      const { parseDuration } = await import('../../config/units.ts');
      const graceMs = parseDuration(options.shutdownGrace);
      if (graceMs === undefined || graceMs < 0) {
        const said = `error: --shutdown-grace must be a duration, is '${options.shutdownGrace}'. Write for example ${SHUTDOWN_GRACE}.`;
        return command.error(said, { exitCode: 2 });
      }
      process.exitCode = await run(sourcesOf(options), graceMs, options.watch);
    });
}

/**
 * Request bodies lie outside V8's heap, and each 64 MB of them makes V8 mark the whole heap, which is small. Helper threads
 * spend more on starting and waiting than they mark or copy: one thread costs a quarter less CPU and pauses no longer.
 */
function collectOnOneThread(): void {
  setFlagsFromString('--no-concurrent-marking');
  setFlagsFromString('--no-parallel-scavenge');
}

/** What does not fit, as warnings. Starts the process again where only its heap is of the wrong size. */
function fitMemory(spec: ServiceSpec): string[] {
  const given = memoryAtHand();
  const size = oldSpace(spec, given);
  const heap = size === undefined ? [] : [restartWithOldSpace(size)];
  const tooHigh = checkMemory(spec, given).filter(({ state }) => state !== 'ok');
  return [...tooHigh.map(({ path, said }) => `misstep: ${path}: ${said}`), ...heap.map((said) => `misstep: ${said}`)];
}

/** Resolves when the process was asked to stop and has: 0, 1 when the drain lost something or the start failed, 2 when the configuration has problems. */
export async function run(sources: Sources, graceMs: number, watch = false): Promise<number> {
  collectOnOneThread();
  const { spec, problems } = await configure(sources);
  // Before anything is said: the process may start again, and would say it twice.
  const misfits = spec === undefined ? [] : fitMemory(spec);
  for (const problem of [...problems, ...misfits]) process.stderr.write(`${problem}\n`);
  if (spec === undefined) return 2;
  const { startService } = await import('../../src/service/service.ts');
  const { supervise } = await import('../../src/service/supervise.ts');
  let service: Service;
  try {
    service = await startService(spec, { buildVersion: version() });
  } catch (error) {
    process.stderr.write(`misstep: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
  // Input never ends a running process; what gets here is a fault of ours, said once and loudly.
  process.on('unhandledRejection', (error) =>
    service.logger.log('error', 'A promise was rejected and nobody looked.', { error }),
  );
  // Without this Node prints the error as it is, and it may quote a payload. The state of the process is unknown: it ends.
  process.on('uncaughtException', (error) => {
    service.logger.log('error', 'A fault ends the process.', { error });
    process.exit(1);
  });
  service.logger.log('info', 'Everything is ready. Begin running and processing data.', { version: version() });
  const lossless = await supervise({
    service,
    signals: process,
    graceMs,
    load: async () => {
      const loaded = await configure(sources);
      return loaded.spec === undefined ? { problems: loaded.errors } : { spec: loaded.spec };
    },
    abandon: () => process.exit(130),
    ...(watch ? { watch: (changed: () => void) => watchFiles(sources, changed) } : {}),
  });
  return lossless ? 0 : 1;
}

/** Calls back when a file of the configuration changes, until the returned function is called. */
export function watchFiles({ files, cwd }: Sources, changed: () => void): () => void {
  const paths = files.filter((file) => !/^(env|yaml):/.test(file)).map((file) => resolve(cwd, file.replace(/^file:/, '')));
  const watched = new WatchedFiles(paths, changed, WATCH_MS);
  return () => watched.close();
}

/** The embedded default with `overlay` (YAML or JSON) laid over it, in this process and without signals. Throws with all errors. */
export async function startSidecar(overlay: string): Promise<{ readonly service: Service; shutdown(): Promise<void> }> {
  const sources = sourcesOf({ config: [] });
  const { spec, errors } = await configure({ ...sources, files: [...sources.files, `yaml:${overlay}`] });
  if (spec === undefined) throw new Error(errors.join('\n'));
  const { startService } = await import('../../src/service/service.ts');
  const service = await startService(spec, { buildVersion: version() });
  return { service, shutdown: () => service.shutdown(AbortSignal.timeout(5_000)) };
}
