import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['node_modules/**', 'dist/**', '**/*.peer.test.ts'],
    sequence: { shuffle: { files: true, tests: false }, seed: 7 },
    testTimeout: 30_000,
  },
});
