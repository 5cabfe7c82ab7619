import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

test('systemd waits longer than the drain takes', () => {
  const stop = /^TimeoutStopSec=(\d+)s$/m.exec(read('deploy/systemd/misstep.service'))?.[1];
  const grace = /^const SHUTDOWN_GRACE = '(\d+)s';$/m.exec(read('bin/commands/run.ts'))?.[1];
  expect(Number(stop)).toBeGreaterThan(Number(grace));
});
