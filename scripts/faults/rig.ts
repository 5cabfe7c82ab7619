// A sidecar between the benchmark's load generator and its sink, for runs that last: everything on loopback, ended by its own process id.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';

const misstep = fileURLToPath(new URL('../../bin/misstep.js', import.meta.url));

export interface Rig {
  readonly storage: string;
  /** The metrics page; `undefined` while nobody answers. */
  page(): Promise<string | undefined>;
  /** Resident memory, MiB. */
  rss(): number;
  handles(): number;
  files(): number;
  /** Spans acknowledged, and requests refused, when it is over. */
  load(
    shape: string,
    options: { readonly rate: number; readonly spans: number; readonly seconds: number; readonly connections: number },
  ): Promise<Loaded>;
  /** Puts the backend in another mode of the sink. */
  backend(mode: string): Promise<void>;
  delivered(): Promise<number>;
  /** SIGTERM; resolves with the exit code of the sidecar. */
  end(): Promise<number | null>;
}

export interface Loaded {
  readonly acked: number;
  readonly refused: number;
}

export interface RigOptions {
  readonly limitMib: number;
  readonly queueSize: number;
  readonly blockOnOverflow: boolean;
  /** How long the sink lives, seconds. */
  readonly seconds: number;
}

export async function startRig({ limitMib, queueSize, blockOnOverflow, seconds }: RigOptions): Promise<Rig> {
  const loadgen = join(process.env['BENCH_CACHE'] ?? join(homedir(), '.cache/misstep-bench'), 'bin/loadgen');
  if (!existsSync(loadgen)) throw new Error(`${loadgen} is not built: run compare.py of the benchmark once, it builds it.`);
  const directory = mkdtempSync(join(tmpdir(), 'misstep-rig-'));
  const storage = join(directory, 'storage');
  const [http, metrics, sinkHttp, sinkGrpc, control] = await Promise.all(Array.from({ length: 5 }, freePort));
  const config = join(directory, 'misstep.yaml');
  writeFileSync(
    config,
    JSON.stringify({
      extensions: { file_storage: { directory: storage, create_directory: true } },
      receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${http}` } } } },
      processors: { memory_limiter: { check_interval: '1s', limit_mib: limitMib }, detect: {} },
      exporters: {
        otlp_http: {
          endpoint: `http://127.0.0.1:${sinkHttp}`,
          compression: 'none',
          sending_queue: { queue_size: queueSize, storage: 'file_storage', block_on_overflow: blockOnOverflow },
        },
      },
      service: {
        extensions: ['file_storage'],
        pipelines: { traces: { receivers: ['otlp'], processors: ['memory_limiter', 'detect'], exporters: ['otlp_http'] } },
        telemetry: {
          logs: { level: 'error' },
          metrics: { level: 'normal', readers: [{ pull: { exporter: { prometheus: { host: '127.0.0.1', port: metrics } } } }] },
        },
      },
    }),
  );
  const children: ChildProcess[] = [];
  const started = (command: string, args: readonly string[], out: 'ignore' | 'pipe' = 'ignore'): ChildProcess => {
    const child = spawn(command, args, { stdio: ['ignore', out, 'inherit'] });
    children.push(child);
    return child;
  };
  started(loadgen, [
    'sink',
    '-http',
    `127.0.0.1:${sinkHttp}`,
    '-grpc',
    `127.0.0.1:${sinkGrpc}`,
    '-ctl',
    `127.0.0.1:${control}`,
    '-max',
    `${seconds}`,
  ]);
  const sidecar = started(process.execPath, [misstep, 'run', '--config', config]);
  const page = () => text(`http://127.0.0.1:${metrics}/metrics`);
  await until(async () => (await page()) !== undefined);
  return {
    storage,
    page,
    rss: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${sidecar.pid}/status`, 'utf8'))?.[1]) / 1024,
    handles: () => readdirSync(`/proc/${sidecar.pid}/fd`).length,
    files: () => readdirSync(storage).length,
    load(shape, { rate, spans, seconds: most, connections }) {
      const args = ['load', '-addr', `127.0.0.1:${http}`, '-shape', shape, '-rate', `${rate}`, '-spans', `${spans}`];
      const child = started(loadgen, [...args, '-max', `${most}`, '-conc', `${connections}`], 'pipe');
      let said = '';
      child.stdout?.on('data', (some) => {
        said += some;
      });
      return new Promise((resolve) => child.on('close', () => resolve(JSON.parse(said.trim().split('\n').at(-1) ?? '{}'))));
    },
    async backend(mode) {
      await text(`http://127.0.0.1:${control}/mode?m=${mode}`);
    },
    async delivered() {
      return (JSON.parse((await text(`http://127.0.0.1:${control}/stats`)) ?? '{}') as { spans: number }).spans;
    },
    async end() {
      const ended = new Promise<number | null>((resolve) => sidecar.on('close', resolve));
      sidecar.kill('SIGTERM');
      const code = await ended;
      for (const child of children) child.kill();
      rmSync(directory, { recursive: true, force: true });
      return code;
    },
  };
}

/** The first series of that name. */
export function metric(page: string, name: string): number {
  return Number(new RegExp(`^${name}(?:_total)?(?:{[^}]*})? (\\S+)$`, 'm').exec(page)?.[1] ?? Number.NaN);
}

export async function until(done: () => Promise<boolean>, seconds = 30): Promise<void> {
  const deadline = Date.now() + seconds * 1_000;
  while (!(await done())) {
    if (Date.now() > deadline) throw new Error(`Nothing came within ${seconds} s.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function text(url: string): Promise<string | undefined> {
  try {
    return await (await fetch(url)).text();
  } catch {
    return undefined;
  }
}
