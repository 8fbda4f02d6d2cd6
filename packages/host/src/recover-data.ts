/** Disaster recovery without a server: an empty directory becomes the data directory that object storage has. */
import { systemClock, TenaxError } from '@tenax/kernel'
import { libsqlDriver } from '@tenax/sqlite'
import { recoverDirectory, type StoreRecovery, standardSettings, systemRandomId } from '@tenax/tenancy'
import { openStore, type StoreSettings } from './store.ts'

/** What {@link recoverData} takes. */
export interface RecoverDataOptions {
  /** Where the lost host had its object storage. */
  readonly store: StoreSettings
  /** An empty directory, or one that is not there yet. */
  readonly data: string
  /** Which data directory; may be left out when the store has one only. */
  readonly dataId?: string | undefined
}

/**
 * Makes the data directory that a host has lost anew: every commit that was stored is there. `createTenax` with the same store does it
 * by itself when its directory is empty.
 *
 * @throws TenaxError `config_invalid`, `data_format_invalid`, `data_in_use`, `ledger_damaged`, `unavailable`: nothing has appeared then
 * @example
 * const { tenantCount } = await recoverData({ store: { directory: '/mnt/blobs' }, data: './data' })
 */
export async function recoverData({ store: settings, data: path, dataId }: RecoverDataOptions): Promise<StoreRecovery> {
  if (dataId !== undefined && !/^[a-z0-9]{20}$/.test(dataId)) {
    throw new TenaxError('config_invalid', 'the id of a data directory has 20 characters of a to z and 0 to 9', {
      hint: 'it is dataId in its tenax.json, and a name below roots/ in the store',
    })
  }
  const store = await openStore(settings, systemClock)
  try {
    return await recoverDirectory({
      ...{ path, store, dataId, driver: libsqlDriver, clock: systemClock, randomId: systemRandomId, pid: process.pid },
      fileSettings: standardSettings(path).file,
    })
  } finally {
    await store.close()
  }
}
