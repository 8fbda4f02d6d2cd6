/** The load under which the power goes: writes, checkpoints and lifecycle verbs on many tenants, chosen by a seed. */
import { parseTenantId, type SqlValue, type TenantId } from '@tenax/kernel'
import type { Migration, Tenancy } from '@tenax/tenancy'
import type { Seeded } from '../seeded.ts'
import type { PowerOracle } from './power-oracle.ts'

/** Tables of each tenant: `entry` is what the oracle counts, `filler` makes pages come and go. */
export const POWER_MIGRATIONS: readonly Migration[] = [
  {
    name: '0001-power.sql',
    sql: `CREATE TABLE entry (seq INTEGER PRIMARY KEY, body BLOB) STRICT;
      CREATE TABLE filler (id INTEGER PRIMARY KEY, body BLOB) STRICT;
      CREATE INDEX entry_body ON entry (body);`,
  },
]

/** What the load works with. `isOver` is true when the power is gone. */
export interface PowerLoad {
  readonly tenancy: Tenancy
  readonly oracle: PowerOracle
  readonly seeded: Seeded
  readonly isOver: () => boolean
  /** Which tenants are written, and which come and go. */
  readonly steady: readonly TenantId[]
  readonly mortal: readonly TenantId[]
}

/** Names of tenants of one kind. */
export function tenantNames(kind: string, count: number): TenantId[] {
  return Array.from({ length: count }, (_, index) => parseTenantId(`${kind}-${String(index).padStart(3, '0')}`))
}

/** Works until the power is gone or everything is done. */
export async function loadUntilCut(load: PowerLoad): Promise<void> {
  const { seeded, steady, mortal } = load
  await Promise.all([
    ...steady.map((id) => writeSteadily(load, id, seeded.branch(id))),
    ...mortal.map((id) => comeAndGo(load, id, seeded.branch(id))),
  ])
}

const DEEDS = [
  'row',
  'row',
  'row',
  'row',
  'row',
  'large',
  'fill',
  'empty',
  'vacuum',
  'checkpoint',
  'hasty',
  'hasty',
] as const

async function writeSteadily(load: PowerLoad, id: TenantId, seeded: Seeded): Promise<void> {
  for (let left = 1 + seeded.below(8); left > 0 && !load.isOver(); left -= 1) {
    const deed = seeded.pick(DEEDS)
    if (deed === 'row' || deed === 'large') await addRow(load, id, deed === 'large' ? 30_000 : 40)
    else if (deed === 'fill') await run(load, id, 'INSERT INTO filler (body) VALUES (randomblob(?))', [50_000n])
    else if (deed === 'empty') await run(load, id, 'DELETE FROM filler')
    else if (deed === 'vacuum') await run(load, id, 'VACUUM')
    else if (deed === 'checkpoint') await checkpoint(load, id)
    // The checkpoint finds a commit that nobody has made durable yet.
    else await Promise.all([addRow(load, id, 40), checkpoint(load, id)])
  }
}

function checkpoint({ tenancy }: PowerLoad, id: TenantId): Promise<void> {
  return tenancy.use(id, (handle) => handle.checkpointSoon())
}

async function addRow(load: PowerLoad, id: TenantId, bodyBytes: number): Promise<void> {
  const seq = load.oracle.begin(id)
  await run(load, id, 'INSERT INTO entry VALUES (?, randomblob(?))', [BigInt(seq), BigInt(bodyBytes)])
  load.oracle.acknowledge(id)
}

async function comeAndGo(load: PowerLoad, id: TenantId, seeded: Seeded): Promise<void> {
  const { tenancy, oracle } = load
  for (let left = seeded.below(4); left > 0 && !load.isOver(); left -= 1) {
    const exists = oracle.exists(id) === true
    oracle.beginVerb(id)
    await (exists ? tenancy.delete(id) : tenancy.create(id))
    oracle.endVerb(id, !exists)
    if (!exists) await addRow(load, id, 40)
  }
}

function run({ tenancy }: PowerLoad, id: TenantId, sql: string, args: readonly SqlValue[] = []) {
  return tenancy.use(id, (handle) => handle.execute(sql, { positional: args, named: [] }))
}
