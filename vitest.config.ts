import { defineConfig } from 'vitest/config'

const exclude = ['**/node_modules/**', '**/dist/**']

/** One root run with two tiers: `fast` is `npm test`, `long` is `npm run test:long` (crash rounds, soak). */
export default defineConfig({
  test: {
    pool: 'forks',
    projects: [
      {
        test: {
          name: 'fast',
          include: ['{apps,packages,loadtest}/**/*.test.ts'],
          exclude: [...exclude, '**/*.long.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'long',
          include: ['{apps,packages,loadtest}/**/*.long.test.ts'],
          exclude,
          testTimeout: 900_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
