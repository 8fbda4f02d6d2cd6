/** Numbers of one open tenant. */
import type { Handle } from './handle.ts'
import { readLsn } from './identity.ts'
import type { TenantStats } from './tenancy-port.ts'

/** Inside a turn of the handle. */
export function numbersOf({ file, meta }: Handle): Omit<TenantStats, 'wasOpen'> {
  const { pageCountMax } = file.settings
  return { ...file.sizes(), pageCountMax, lineage: meta.lineage, lsn: readLsn(file) }
}
