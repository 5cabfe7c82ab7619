import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { MIB } from '../../config/units.ts';
import { configure, sourcesOf } from '../configure.ts';
import { checkMemory, oldSpace, restartWithOldSpace } from './memory.ts';

const built = fileURLToPath(new URL('../../dist/bin/misstep.js', import.meta.url));

async function specWith(limit: object) {
  const sources = sourcesOf({});
  const overlay = JSON.stringify({ processors: { memory_limiter: { limit_mib: 0, ...limit } } });
  const { spec, errors } = await configure({ ...sources, files: [...sources.files, `yaml:${overlay}`] });
  if (spec === undefined) throw new Error(errors.join('\n'));
  return spec;
}
const given = (total: number, heap: number, chosen = false) => ({ total: total * MIB, heap: heap * MIB, cgroup: true, chosen });

describe('old space', () => {
  test.each([
    ['half a cgroup is less than the limiter lets grow', { limit_mib: 512 }, given(640, 332), 409],
    ['the same by share', { limit_percentage: 80 }, given(640, 332), 409],
    ['with a spike limit', { limit_mib: 512, spike_limit_mib: 52 }, given(640, 332), 460],
    ['V8 would take more than there is', { limit_mib: 160 }, given(200, 259), 128],
    ['a heap that reaches the soft limit stays', { limit_mib: 512 }, given(1_024, 524), undefined],
    ['a heap of a machine with room stays', { limit_mib: 512 }, given(24_000, 4_144), undefined],
    ['what a person chose stays', { limit_mib: 512 }, given(640, 300, true), undefined],
    ['a limiter that can never refuse decides nothing', { limit_mib: 2_048 }, given(640, 332), undefined],
  ])('%s', async (_name, limit, memory, size) => {
    expect(oldSpace(await specWith(limit), memory)).toBe(size);
  });

  test('without a limiter in a pipeline V8 decides', async () => {
    const spec = await specWith({ limit_mib: 512 });
    expect(oldSpace({ ...spec, pipelines: [] }, given(640, 332))).toBeUndefined();
  });

  test('where Node cannot start again in place, the variable to set is named', () => {
    const { execve } = process as { execve?: unknown };
    Object.assign(process, { execve: undefined });
    expect(restartWithOldSpace(409)).toContain('NODE_OPTIONS=--max-old-space-size=409');
    Object.assign(process, { execve });
  });
});

describe('check', () => {
  test.each([
    [{ limit_mib: 576 }, 'ok', 'the limit is 576 MiB, its cgroup allows 640 MiB.'],
    [{ limit_mib: 577 }, 'warn', 'Lower limit_mib to 576 or less'],
    [{ limit_percentage: 95 }, 'warn', 'the limit is 608 MiB'],
  ])('%j in 640 MiB: %s', async (limit, state, said) => {
    const [check] = checkMemory(await specWith(limit), given(640, 332));
    expect(check).toMatchObject({ state, path: 'processors.memory_limiter', said: expect.stringContaining(said) });
  });

  test.skipIf(!existsSync(built))('run says at its start what cannot be kept', async () => {
    // A port that is taken ends the start just after.
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const endpoint = `127.0.0.1:${(taken.address() as AddressInfo).port}`;
    const sets = ['processors.memory_limiter.limit_mib=99999999', `extensions.health_check.endpoint=${endpoint}`];
    const { stderr, status } = spawnSync(process.execPath, [built, 'run', ...sets.flatMap((one) => ['--set', one])], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    await new Promise((resolve) => taken.close(resolve));
    expect(stderr).toContain('processors.memory_limiter: the limit is 99999999 MiB');
    expect(status).toBe(1);
  });
});
