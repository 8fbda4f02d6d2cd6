/** A bucket of the bench's own on a test server. */
import { type BlobStore, openS3Store, type S3Settings } from '@tenax/blobstore'
import { systemClock } from '@tenax/kernel'
import { systemRandomId } from '@tenax/tenancy'

/** The bucket is one that is there: `TENAX_BENCH_S3_BUCKET`; every run has a prefix of its own in it. */
export function openBenchS3(settings: S3Settings): Promise<BlobStore> {
  const named = { ...settings, prefix: `bench/${systemRandomId()}` }
  return openS3Store({ settings: named, randomId: systemRandomId, clock: systemClock })
}
