import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// As in vitest.config.ts: named by .ci/run.
const report = process.env['MISSTEP_TEST_REPORT'];

export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: ['scripts/peers/*.peer.test.ts'],
    // One after the other: each starts processes of its own, and a cold Go build takes minutes.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 600_000,
    ...(report === undefined ? {} : { reporters: ['default', ['json', { outputFile: report }]] }),
  },
});
