/** Whether this machine can carry a configuration: its ports, its directories, its memory. Nothing is left behind. */
import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, resolve } from 'node:path';
import { MIB } from '../../config/units.ts';
import { isLoopback, listen, parseEndpoint } from '../../src/component/transport/endpoint.ts';
import type { ServiceSpec } from '../../src/service/spec.ts';
import { lockDirectory } from '../../src/storage/lock.ts';
import { checkMemory, memoryAtHand } from './memory.ts';

export interface Check {
  readonly state: 'ok' | 'warn' | 'fail';
  readonly path: string;
  /** What was seen and, if not ok, what to do. */
  readonly said: string;
}

export async function checkEnvironment(spec: ServiceSpec): Promise<Check[]> {
  const used = new Set(
    spec.pipelines.flatMap(({ receivers, processors, exporters }) => [...receivers, ...processors, ...exporters]),
  );
  const checks: Check[] = [];
  for (const [section, parts] of [
    ['receivers', [...spec.receivers.values()].filter(({ id }) => used.has(id))],
    ['extensions', [...spec.extensions.values()].filter(({ id }) => spec.started.includes(id))],
  ] as const) {
    for (const { id, options } of parts) {
      for (const [path, value] of endpoints(`${section}.${id}`, options)) checks.push(await port(path, value));
      const { directory, create_directory, max_bytes } = (options ?? {}) as Record<string, unknown>;
      if (typeof directory !== 'string') continue;
      checks.push(await writable(`${section}.${id}.directory`, resolve(directory), create_directory === true));
      if (typeof max_bytes === 'number') checks.push(await room(`${section}.${id}.max_bytes`, resolve(directory), max_bytes));
    }
  }
  const { metrics } = spec.telemetry;
  if (metrics) checks.push(await port('service.telemetry.metrics', `${metrics.host}:${metrics.port}`));
  return [...checks, ...checkMemory(spec, memoryAtHand())];
}

/** Every `endpoint: host:port` below the options, with its path. Exporters' endpoints are other people's and are not asked for. */
function endpoints(path: string, value: unknown): [string, string][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]): [string, string][] =>
    key === 'endpoint' && typeof inner === 'string' && parseEndpoint(inner) !== undefined
      ? [[`${path}.endpoint`, inner]]
      : endpoints(`${path}.${key}`, inner),
  );
}

async function port(path: string, endpoint: string): Promise<Check> {
  const server = createServer();
  try {
    await listen(server, endpoint);
    const open = isLoopback(parseEndpoint(endpoint)?.host ?? '') ? '' : ' Other machines reach it.';
    return { state: 'ok', path, said: `${endpoint} is free.${open}` };
  } catch (error) {
    return { state: 'fail', path, said: error instanceof Error ? error.message : String(error) };
  } finally {
    await new Promise((done) => server.close(done));
  }
}

async function writable(path: string, directory: string, create: boolean): Promise<Check> {
  const found = await stat(directory).catch(() => undefined);
  if (found === undefined && !create) {
    return { state: 'fail', path, said: `${directory} does not exist. Make it, or write create_directory: true.` };
  }
  if (found === undefined) {
    const parent = await existing(dirname(directory));
    const may = await mayWrite(parent);
    return may
      ? { state: 'ok', path, said: `${directory} will be made.` }
      : { state: 'fail', path, said: `${directory} cannot be made: this user may not write to ${parent}.` };
  }
  if (!found.isDirectory()) return { state: 'fail', path, said: `${directory} is no directory. Name another.` };
  try {
    await (await lockDirectory(directory))();
    return { state: 'ok', path, said: `${directory} is writable and free.` };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const what = code === undefined ? message : `${directory} is not writable (${code}). Change its owner or name another.`;
    return { state: 'fail', path, said: what };
  }
}

async function room(path: string, directory: string, maxBytes: number): Promise<Check> {
  const { bavail, bsize } = await statfs(await existing(directory));
  const free = bavail * bsize;
  const said = `${mib(maxBytes)} MiB; the disk has ${mib(free)} MiB free`;
  if (free >= maxBytes) return { state: 'ok', path, said: `${said}.` };
  return {
    state: 'warn',
    path,
    said: `${said}. Lower it: else the disk is full before the storage is, and requests are refused then.`,
  };
}

async function existing(directory: string): Promise<string> {
  let at = directory;
  while ((await stat(at).catch(() => undefined)) === undefined && dirname(at) !== at) at = dirname(at);
  return at;
}

function mayWrite(directory: string): Promise<boolean> {
  return access(directory, constants.W_OK).then(
    () => true,
    () => false,
  );
}

function mib(bytes: number): number {
  return Math.floor(bytes / MIB);
}
