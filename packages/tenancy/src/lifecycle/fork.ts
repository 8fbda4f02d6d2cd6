/** Fork: a new tenant with what another one has now, or had at a snapshot. It is an import, so its workflows are held. */
import { type TenantId, TenaxError } from '@tenax/kernel'
import type { TenantRecord } from '../catalog-rows.ts'
import type { ByteStream } from '../files/upload.ts'
import type { VerbContext } from '../tenancy-port.ts'
import { importTenant } from './import.ts'

/** Makes `id` of the file in `body`. Throws TenaxError `tenant_exists`; as an import. */
export async function forkInto(context: VerbContext, id: TenantId, body: ByteStream): Promise<TenantRecord> {
  if (context.directory.catalogOf(id).get(id) !== undefined) {
    throw new TenaxError('tenant_exists', `tenant "${id}" exists`, {
      hint: 'a fork makes a new tenant: choose another id',
    })
  }
  return (await importTenant(context, id, body)).record
}
