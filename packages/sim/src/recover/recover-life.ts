/** A host with object storage, in a process of its own: it starts, looks at all tenants, and writes until it is killed. */
import { type BlobStore, observeStore, openFsStore, openS3Store } from '@tenax/blobstore'
import { isTenaxError, parseTenantId, systemClock, type TenantId } from '@tenax/kernel'
import { Gate, systemRandomId, type Tenancy } from '@tenax/tenancy'
import { openHost } from '../host.ts'
import { type RecoverOrder, say } from './recover-lines.ts'

const SHARDS = 4
const HANDLES = 64
const WRITERS = 16

/** Lives. Without `isLast` it ends by SIGKILL only. */
export async function liveOn(order: RecoverOrder): Promise<void> {
  const store = mortal(await openStore(order), order.callsMax)
  let recovered = false
  const tenancy = await openHost({
    ...{ dataPath: order.dataPath, shardCount: SHARDS, handlesMax: HANDLES, store },
    onEvent(event) {
      if (event.type === 'recovered_from_store') recovered = true
      if (event.type === 'quarantined') say({ type: 'violation', text: `stopped ${event.tenantId}: ${event.reason}` })
    },
  })
  say({ type: 'open', recovered })
  const next = new Map<TenantId, number>()
  const ids = Array.from({ length: order.tenantCount }, (_, index) => parseTenantId(`t${index}`))
  const each = (work: (id: TenantId, index: number) => Promise<void>) => inTurns([...ids.entries()], work)
  await each(async (id) => void next.set(id, await lookAt(tenancy, id)))
  say({ type: 'looked' })
  if (order.isLast) return tenancy.close()
  for (;;) {
    await each(async (id, index) => {
      const seq = (next.get(id) ?? 0) + 1
      next.set(id, seq)
      await write(tenancy, { id, seq, isRemote: index % 2 === 0 })
    })
  }
}

async function inTurns(
  items: [number, TenantId][],
  work: (id: TenantId, index: number) => Promise<void>,
): Promise<void> {
  const lane = async () => {
    for (let item = items.shift(); item !== undefined; item = items.shift()) await work(item[1], item[0])
  }
  await Promise.all(Array.from({ length: WRITERS }, lane))
}

/** The number of its last row. One that is not there is made. */
async function lookAt(tenancy: Tenancy, id: TenantId): Promise<number> {
  try {
    const { rows } = await tenancy.use(id, (handle) => handle.execute(LOOK, { positional: [], named: [] }))
    const [count = -1, last = -1] = (rows[0] ?? []).map(Number)
    say({ type: 'rows', id, count, last })
    return last
  } catch (error) {
    if (!isTenaxError(error, 'tenant_not_found')) throw error
    say({ type: 'rows', id, count: 0, last: 0 })
    await tenancy.create(id)
    await tenancy.use(id, (handle) => handle.execute(TABLE, { positional: [], named: [] }))
    return 0
  }
}

const TABLE = 'CREATE TABLE entry (seq INTEGER PRIMARY KEY, filler BLOB)'
const LOOK = 'SELECT count(*), coalesce(max(seq), 0) FROM entry'
const ROW = 'INSERT INTO entry VALUES (?, randomblob(300))'

async function write(
  tenancy: Tenancy,
  { id, seq, isRemote }: { readonly id: TenantId; readonly seq: number; readonly isRemote: boolean },
): Promise<void> {
  const gate = new Gate(isRemote ? 'remote' : 'local')
  say({ type: 'send', id, seq })
  await tenancy.use(id, (handle) => handle.execute(ROW, { positional: [BigInt(seq)], named: [] }, gate))
  say({ type: 'sent', id, seq, isRemote, atMs: systemClock.monotonicMs() })
  const lagMs = tenancy.ledgerStats().shipping?.lagMs ?? Number.POSITIVE_INFINITY
  say({ type: 'lag', lagMs, atMs: systemClock.monotonicMs() })
}

function openStore({ store }: RecoverOrder): Promise<BlobStore> {
  if ('s3' in store) return openS3Store({ settings: store.s3, randomId: systemRandomId, clock: systemClock })
  return openFsStore({ directory: store.directory, randomId: systemRandomId })
}

/** `store`, behind whose call number `callsMax` this process dies. */
function mortal(store: BlobStore, callsMax = Number.POSITIVE_INFINITY): BlobStore {
  let callCount = 0
  return observeStore(store, {
    clock: systemClock,
    onCall() {
      callCount += 1
      if (callCount < callsMax) return
      say({ type: 'dies' })
      process.kill(process.pid, 'SIGKILL')
    },
  })
}
