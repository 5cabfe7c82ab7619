/** `misstep watch -- COMMAND`: runs a program with a sidecar of its own beside it, and prints what is found as it is found. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { constants } from 'node:os';
import { type Command, Option } from 'commander';
import type { Severity } from '../../src/detector/detector.ts';
import { detectionRecord } from '../../src/detector/emit.ts';
import { type Finding, severityScore } from '../../src/detector/finding.ts';
import { printable } from '../../src/text/printable.ts';
import { redact } from '../../src/text/redact.ts';
import { startSidecar } from './run.ts';

interface WatchOptions {
  readonly json?: boolean;
  readonly minSeverity: Severity;
  readonly failOn: Severity | 'never';
}

const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const;

export function register(program: Command): void {
  program
    .command('watch')
    .description('Run a program with OTEL_* set to a sidecar of its own, and print what is found as it is found.')
    .argument('<command...>', 'the program and its arguments, after --')
    .option('--json', 'one detection record a line')
    .addOption(new Option('--min-severity <severity>', 'only findings this severe').choices(SEVERITIES).default('low'))
    .addOption(
      new Option('--fail-on <severity>', 'exit 1 if a finding is at least this severe')
        .choices([...SEVERITIES, 'never'])
        .default('never'),
    )
    .addHelpText(
      'after',
      '\nFindings go to stderr; stdin and stdout are those of the program. Its exit code is that of the watch (128 and the number of the signal\nthat ended it), or 1 with --fail-on. What is set in the environment stays, but for the addresses of OTLP.\n\nExamples:\n  misstep watch -- node --import misstep/register app.js\n  misstep watch --fail-on high -- python agent.py\n  misstep watch -- claude -p "fix the test"',
    )
    .action(async (command: string[], options: WatchOptions) => {
      process.exitCode = await watch(command, options);
    });
}

/** Exit code: that of the program, 1 by `--fail-on`, 2 if the sidecar did not start, 127 if the program did not. */
async function watch([file = '', ...args]: readonly string[], options: WatchOptions): Promise<number> {
  const [http, grpc] = await Promise.all([freePort(), freePort()]);
  const sidecar = await startSidecar(overlay(http, grpc)).catch((error: unknown) => {
    process.stderr.write(`misstep watch: the sidecar did not start: ${error instanceof Error ? error.message : String(error)}\n`);
  });
  if (!sidecar) return 2;
  let worst = 0;
  const said = new Set<string>();
  const { findings$ } = await import('../components.ts');
  const watching = findings$.subscribe((finding) => {
    worst = Math.max(worst, severityScore(finding.severity));
    // A finding that grows is said once; the record has every revision.
    if (severityScore(finding.severity) < severityScore(options.minSeverity) || (!options.json && said.has(finding.id))) return;
    said.add(finding.id);
    process.stderr.write(`${options.json ? JSON.stringify(detectionRecord(finding, 'watch')) : line(finding)}\n`);
  });
  const code = await run(file, args, environment(`http://127.0.0.1:${http}`));
  // What was accepted is looked at, and windows that are open close.
  await sidecar.shutdown();
  watching.unsubscribe();
  if (!options.json) process.stderr.write(`misstep watch: ${said.size} ${said.size === 1 ? 'finding' : 'findings'}.\n`);
  return code === 0 && options.failOn !== 'never' && worst >= severityScore(options.failOn) ? 1 : code;
}

function overlay(http: number, grpc: number): string {
  return JSON.stringify({
    receivers: { otlp: { protocols: { grpc: { endpoint: `127.0.0.1:${grpc}` }, http: { endpoint: `127.0.0.1:${http}` } } } },
    exporters: { nop: null },
    service: {
      extensions: [],
      pipelines: { traces: { exporters: ['nop', 'detections'] }, logs: { exporters: ['nop'] }, metrics: { exporters: ['nop'] } },
      telemetry: { logs: { level: 'error' }, metrics: { level: 'none' } },
    },
  });
}

/** A person waits: exporters send twice a second. Coding agents say more when asked to. */
function environment(endpoint: string): NodeJS.ProcessEnv {
  const {
    OTEL_EXPORTER_OTLP_HEADERS: _,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: __,
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: ___,
    ...env
  } = process.env;
  return {
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_LOGS_EXPORTER: 'otlp',
    OTEL_METRICS_EXPORTER: 'none',
    OTEL_BSP_SCHEDULE_DELAY: '500',
    OTEL_BLRP_SCHEDULE_DELAY: '500',
    OTEL_SEMCONV_STABILITY_OPT_IN: 'gen_ai_latest_experimental',
    OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'true',
    CLAUDE_CODE_ENABLE_TELEMETRY: '1',
    OTEL_LOG_USER_PROMPTS: '1',
    OTEL_LOG_TOOL_DETAILS: '1',
    OTEL_LOG_TOOL_CONTENT: '1',
    // The sidecar says it; `misstep/register` in the program need not say it again.
    MISSTEP_FINDINGS: 'none',
    ...env,
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
  };
}

function run(file: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(file, args, { stdio: 'inherit', env });
    const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
    // Ctrl-C reaches both; what the watch is told by others it hands on, and ends when the program has.
    const ignore = (): void => undefined;
    process.on('SIGTERM', pass).on('SIGHUP', pass).on('SIGINT', ignore);
    const end = (code: number): void => {
      process.off('SIGTERM', pass).off('SIGHUP', pass).off('SIGINT', ignore);
      resolve(code);
    };
    child.on('error', (error: NodeJS.ErrnoException) => {
      process.stderr.write(
        `misstep watch: ${printable(file)}: ${error.code === 'ENOENT' ? 'no such program' : String(error.code)}.\n`,
      );
      end(error.code === 'ENOENT' ? 127 : 126);
    });
    child.on('exit', (code, signal) => end(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

function line({ severity, detector, agent, explanation, confidence, at }: Finding): string {
  const sure = `${Math.round(confidence * 100)} %`;
  return printable(
    redact(
      [
        `misstep ${severity.toUpperCase()}`,
        detector,
        agent ?? '-',
        explanation,
        sure,
        `trace ${at.traceId}`,
        `span ${at.spanId}`,
      ].join('  '),
    ),
  );
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
