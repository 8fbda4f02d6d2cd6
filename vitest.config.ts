import { defineConfig } from 'vitest/config'

const exclude = ['**/node_modules/**', '**/dist/**']

/**
 * Where tests find an S3 server, as `infra/s3/start.sh` says it: see testS3() of packages/blobstore. `TENAX_TEST_S3=required`
 * makes a missing one a failure.
 */
const s3 = {
  isRequired: process.env['TENAX_TEST_S3'] === 'required',
  endpoint: process.env['TENAX_TEST_S3_ENDPOINT'] ?? '',
  accessKeyId: process.env['TENAX_TEST_S3_ACCESS_KEY'] ?? '',
  secretAccessKey: process.env['TENAX_TEST_S3_SECRET_KEY'] ?? '',
}

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
          provide: { s3 },
          testTimeout: 900_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
