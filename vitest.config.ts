import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Each file has servers of its own, or data of its own in a shared one; what most of them wait for is not the processor.
    maxWorkers: 4,
    reporters: ['default', './test/reporter.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          // Property tests on a busy machine; nothing asserts on time.
          testTimeout: 60_000,
          include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'test/unit/**/*.test.ts', 'test/architecture/**/*.test.ts'],
        },
      },
      {
        test: {
          name: 'real',
          globalSetup: ['test/servers/global.ts'],
          include: [
            'test/real/**/*.test.ts',
            'test/conformance/**/*.test.ts',
            'test/contract/**/*.test.ts',
            'test/browser/**/*.test.ts',
            'test/vectors/**/*.test.ts',
          ],
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
