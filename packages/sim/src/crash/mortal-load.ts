/** The load on a mortal tenant: one deed after another through its lifecycle, with readers who notice nothing but refusals. */
import { DatabaseSync } from 'node:sqlite'
import { isTenaxError, type TenantId } from '@tenax/kernel'
import type { Tenancy } from '@tenax/tenancy'
import type { Seeded } from '../seeded.ts'
import { run } from './load-tenants.ts'
import { type Deed, say } from './report.ts'

/** What one tenant is, as far as its load knows: undefined when it does not exist. */
export type MortalState = { readonly suspended: boolean; readonly marks: readonly number[] } | undefined

/** Makes a file that holds one mark, as a stranger would send it. */
export type MakeFile = (mark: number) => Uint8Array

/** The state that `deed` leads to. */
export function after(state: MortalState, deed: Deed): MortalState {
  switch (deed.verb) {
    case 'create':
      return { suspended: false, marks: [] }
    case 'delete':
      return undefined
    case 'import':
      return { suspended: false, marks: [deed.mark] }
    case 'mark':
      return state === undefined ? undefined : { ...state, marks: [...state.marks, deed.mark] }
    case 'reimport':
      return state
    default:
      return state === undefined ? undefined : { ...state, suspended: deed.verb === 'suspend' }
  }
}

/** Does one deed after another until the process is killed. */
export async function loadMortal(options: {
  tenancy: Tenancy
  id: TenantId
  seeded: Seeded
  found: MortalState
  makeFile: MakeFile
  /** Hears when a lifecycle verb begins and ends. */
  onVerb?: (isUnderWay: boolean) => void
  /** Hears when an import has ended, before anything else happens to its tenant. */
  onImported?: () => void
}): Promise<never> {
  const { tenancy, id, seeded, makeFile, onVerb, onImported } = options
  for (let state = options.found; ; ) {
    const deed = nextDeed(state, seeded)
    say({ type: 'begin_deed', tenantId: id, deed })
    if (deed.verb !== 'mark') onVerb?.(true)
    await perform({ tenancy, id, deed, makeFile })
    if (deed.verb === 'import' || deed.verb === 'reimport') onImported?.()
    if (deed.verb !== 'mark') onVerb?.(false)
    say({ type: 'ack_deed', tenantId: id })
    state = after(state, deed)
  }
}

function nextDeed(state: MortalState, seeded: Seeded): Deed {
  const mark = seeded.below(1_000_000_000)
  if (state === undefined) return seeded.pick([{ verb: 'create' }, { verb: 'import', mark }] as const)
  if (state.suspended) return seeded.pick([{ verb: 'resume' }, { verb: 'resume' }, { verb: 'delete' }] as const)
  return seeded.pick([
    { verb: 'mark', mark },
    { verb: 'mark', mark },
    { verb: 'mark', mark },
    { verb: 'import', mark },
    { verb: 'reimport' },
    { verb: 'suspend' },
    { verb: 'delete' },
  ] as const)
}

async function perform({
  tenancy,
  id,
  deed,
  makeFile,
}: {
  tenancy: Tenancy
  id: TenantId
  deed: Deed
  makeFile: MakeFile
}) {
  switch (deed.verb) {
    case 'create':
      return tenancy.create(id)
    case 'delete':
      return tenancy.delete(id)
    case 'suspend':
      return tenancy.suspend(id)
    case 'resume':
      return tenancy.resume(id)
    case 'import':
      return tenancy.import(id, bytes(makeFile(deed.mark)))
    case 'reimport':
      return tenancy.import(id, bytes(await exported(tenancy, id)))
    case 'mark':
      return run(tenancy, id, `INSERT INTO entry VALUES ('mark', ?, 0, zeroblob(9000))`, [BigInt(deed.mark)])
  }
}

async function* bytes(file: Uint8Array): AsyncGenerator<Uint8Array> {
  yield file.subarray(0, 4096)
  yield file.subarray(4096)
}

function exported(tenancy: Tenancy, id: TenantId): Promise<Uint8Array> {
  return tenancy.export(id, async ({ chunks }) => {
    const parts: Uint8Array[] = []
    for await (const chunk of chunks) parts.push(chunk)
    return Buffer.concat(parts)
  })
}

/** Answers that a reader may get while the tenant goes through its life. */
const REFUSALS = ['tenant_not_found', 'tenant_suspended', 'tenant_in_transition', 'unavailable'] as const

/** Reads the tenant until the process is killed. */
export async function readMortal(tenancy: Tenancy, id: TenantId): Promise<never> {
  for (;;) {
    try {
      await run(tenancy, id, 'SELECT count(*) FROM entry')
    } catch (error) {
      if (!REFUSALS.some((code) => isTenaxError(error, code))) throw error
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** The marks that a mortal tenant holds, in the order in which they came. */
export async function lookAtMarks(tenancy: Tenancy, id: TenantId): Promise<number[]> {
  const { rows: tables } = await run(tenancy, id, "SELECT name FROM sqlite_schema WHERE name = 'imported'")
  const imported = tables.length === 0 ? [] : (await run(tenancy, id, 'SELECT mark FROM imported')).rows
  const { rows } = await run(tenancy, id, 'SELECT seq FROM entry ORDER BY rowid')
  return [...imported, ...rows].map(([mark]) => Number(mark))
}

/** Files of a stranger, made in `directory`: a rollback journal, pages of 1 KiB, a table of its own. */
export function fileMaker(path: string, read: (path: string) => Uint8Array): MakeFile {
  const file = new DatabaseSync(path)
  file.exec('PRAGMA page_size = 1024; CREATE TABLE imported (mark INTEGER, filler BLOB)')
  const insert = file.prepare('INSERT INTO imported VALUES (?, zeroblob(30000))')
  return (mark) => {
    file.exec('DELETE FROM imported')
    insert.run(mark)
    return read(path)
  }
}
