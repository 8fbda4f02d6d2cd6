/** Sizes and position of an open tenant. */
import type { Handle } from './handle.ts'
import { readLsn } from './identity.ts'
import type { TenantStats } from './tenancy-port.ts'

/** Numbers of the file behind `handle`; `wasOpen` is the caller's to know. */
export function statsOf(handle: Handle, wasOpen: boolean): Promise<TenantStats> {
  return handle.gated(
    handle.exclusively(async () => ({
      ...handle.file.sizes(),
      pageCountMax: handle.file.settings.pageCountMax,
      lineage: handle.meta.lineage,
      lsn: readLsn(handle.file),
      wasOpen,
    })),
  )
}
