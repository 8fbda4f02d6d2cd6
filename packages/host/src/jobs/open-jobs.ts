/** The jobs of a host, over its tenants. */
import { InvariantError } from '@tenax/kernel'
import { systemRandomId, type Tenancy } from '@tenax/tenancy'
import type { HostSettings } from '../options.ts'
import { Jobs } from './jobs.ts'

/** Jobs over `tenancy`; a broken invariant in one ends the host, as in a request. */
export function openJobs(tenancy: Tenancy, { clock, onError }: HostSettings, fail: (error: unknown) => void): Jobs {
  const onDefect = (error: unknown) => {
    if (error instanceof InvariantError) fail(error)
    onError(error)
  }
  return new Jobs({
    ...{ clock, randomId: systemRandomId, onDefect },
    watch: (ids, onProgress) => tenancy.transfers.watch(ids, onProgress),
    settled: () => tenancy.classes.catalogsDurable(),
  })
}
