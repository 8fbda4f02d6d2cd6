/** The object storage that a host is told to use. */
import { type BlobStore, openFsStore, openS3Store, type S3Settings } from '@tenax/blobstore'
import type { Clock } from '@tenax/kernel'
import { systemRandomId } from '@tenax/tenancy'

/** Where blobs go: a directory, which may be a mounted disk of its own, or a bucket of S3 or of a server that speaks it. */
export type StoreSettings = { readonly directory: string } | { readonly s3: S3Settings }

/** @throws TenaxError `config_invalid`; `unavailable` when the directory cannot be made */
export function openStore(settings: StoreSettings, clock: Clock): Promise<BlobStore> {
  const randomId = systemRandomId
  if ('s3' in settings) return openS3Store({ settings: settings.s3, randomId, clock })
  return openFsStore({ directory: settings.directory, randomId })
}
