/** Opens a data directory; an empty one with object storage is made from what is stored there. */
import { readdirSync } from 'node:fs'
import { TenaxError } from '@tenax/kernel'
import { hostFailure } from '@tenax/sqlite'
import { boundedStore } from '../../archive/bounded-store.ts'
import { storedDataIds } from '../../remote/ledger-root.ts'
import type { TenancyComponents, TenancySettings } from '../../tenancy-port.ts'
import {
  type ClaimedDirectory,
  claimDataDirectory,
  type DataDirectory,
  type DataDirectoryOptions,
  furnish,
} from '../data-directory.ts'
import { recoverFromStore, type StoreRecovery, type StoreRecoveryOptions } from './recover-from-store.ts'

/**
 * Opens the data directory of a tenancy. An empty one becomes the one whose ledgers are in the store, if there are those of one.
 *
 * @throws TenaxError `config_invalid` when the store has those of several; `unavailable` when it is away: to begin a new history
 * beside the stored one would be worse; as `openDataDirectory` and `recoverFromStore`
 */
export async function openData(
  { dataPath: path, shardCount, file: fileSettings }: TenancySettings,
  { store, onEvent, ...components }: TenancyComponents,
): Promise<DataDirectory> {
  const options = { ...components, path, shardCount, fileSettings }
  let claimed: ClaimedDirectory | undefined
  try {
    claimed = claimDataDirectory(options)
    if (store !== undefined && claimed.identity === undefined) {
      const recovery = await recoverIfStored({ ...options, store }, claimed)
      if (recovery !== undefined) onEvent({ type: 'recovered_from_store', ...recovery })
    }
    return furnish(claimed, options)
  } catch (error) {
    claimed?.release()
    throw hostFailure(error) // a full disk, for example, speaks as itself also at the start
  }
}

async function recoverIfStored(
  options: Omit<StoreRecoveryOptions, 'dataId' | 'layout'>,
  claimed: ClaimedDirectory,
): Promise<StoreRecovery | undefined> {
  refuseRemains(claimed)
  const dataId = await onlyDataId(options)
  return dataId === undefined ? undefined : recoverFromStore({ ...options, layout: claimed.layout, dataId })
}

/** What recovering into a directory that is named takes. `dataId` may be undefined when the store has one only. */
export interface RecoverDirectoryOptions
  extends Pick<DataDirectoryOptions, 'path' | 'pid'>,
    Omit<StoreRecoveryOptions, 'dataId' | 'layout'> {
  readonly dataId: string | undefined
}

/**
 * Makes a data directory at `path`, which must be empty, from object storage. A host starts on it afterwards as on any other.
 *
 * @throws TenaxError `data_format_invalid` when it is not empty; `config_invalid` when the store has nothing, or several and
 * none is named; what `recoverFromStore` throws
 */
export async function recoverDirectory(options: RecoverDirectoryOptions): Promise<StoreRecovery> {
  const claimed = claimDataDirectory({ ...options, shardCount: 1 })
  try {
    if (claimed.identity !== undefined) throw notEmpty('it is a data directory')
    refuseRemains(claimed)
    const dataId = options.dataId ?? (await onlyDataId(options))
    if (dataId !== undefined) return await recoverFromStore({ ...options, layout: claimed.layout, dataId })
    throw new TenaxError('config_invalid', 'this object storage has no ledgers of any data directory', {
      hint: 'name the store that the lost host had: its directory, or its bucket and prefix',
    })
  } finally {
    claimed.release()
  }
}

/** What a lost `tenax.json` leaves is data all the same. */
function refuseRemains({ layout }: ClaimedDirectory): void {
  const found = readdirSync(layout.root).filter((name) => name === 'shards' || name === 'ledgers')
  if (found.length > 0) throw notEmpty(`it has ${found.join(' and ')}, and no tenax.json`)
}

function notEmpty(reason: string): TenaxError {
  return new TenaxError('data_format_invalid', `the data directory is not empty: ${reason}`, {
    hint: 'name an empty directory; what is in this one may be newer than what is stored',
  })
}

type WhereToLook = Pick<StoreRecoveryOptions, 'store' | 'clock'>

async function onlyDataId({ store, clock }: WhereToLook): Promise<string | undefined> {
  const bounded = boundedStore(store, { clock, signal: new AbortController().signal })
  const [first, second] = await storedDataIds(bounded, 2)
  if (second === undefined) return first
  throw new TenaxError('config_invalid', 'this object storage has the ledgers of several data directories', {
    hint: 'say which is to be recovered: tenax recover --from <store> --data-id <id>; the ids are the names below roots/',
    details: { dataIds: [first, second] },
  })
}
