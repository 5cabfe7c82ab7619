import { defineConfig } from 'vitest/config';

// Named by .ci/run, which reads the counts from it; unset, vitest chooses its usual reporters.
const report = process.env['MISSTEP_TEST_REPORT'];

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['node_modules/**', 'dist/**', '**/*.peer.test.ts'],
    sequence: { shuffle: { files: true, tests: false }, seed: 7 },
    testTimeout: 30_000,
    ...(report === undefined ? {} : { reporters: ['default', ['json', { outputFile: report }]] }),
  },
});
