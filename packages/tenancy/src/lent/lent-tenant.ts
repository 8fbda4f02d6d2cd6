/**
 * A lent tenant, in the process that it is lent to: its file alone, with `synchronous=FULL`, so that a commit is durable when
 * it is made, and no ledger knows of it. The process has the place's lock for as long as it lives.
 */
import { join } from 'node:path'
import { assert, type Clock, parseIncarnation, type TenantId, TenaxError } from '@tenax/kernel'
import {
  acquireProcessLock,
  type EngineDriver,
  type ProcessLock,
  SqliteFile,
  type SqliteFileSettings,
} from '@tenax/sqlite'
import { unlogged } from '../durability/file-journal.ts'
import { lentFileIn, lockOfLent, markSettled } from '../files/lent-files.ts'
import { Handle } from '../handle.ts'
import { readIdentity } from '../identity.ts'
import { newRecord } from '../lifecycle/create.ts'
import { settleFile } from './settle.ts'

/** What a lent tenant is opened with. */
export interface LentOptions {
  /** What `Tenancy.lend` gave. */
  readonly directory: string
  readonly tenant: TenantId
  readonly driver: EngineDriver
  readonly clock: Clock
  readonly settings: SqliteFileSettings
  readonly pid: number
}

/** A lent tenant, open. */
export class LentTenant {
  readonly #options: LentOptions
  readonly #lock: ProcessLock
  readonly #handle: Handle

  private constructor(options: LentOptions, lock: ProcessLock, handle: Handle) {
    this.#options = options
    this.#lock = lock
    this.#handle = handle
  }

  /** @throws TenaxError `data_in_use`; InvariantError when the file is another's */
  static open(options: LentOptions): LentTenant {
    const { directory, driver, clock, pid, settings, tenant } = options
    const lock = acquireProcessLock(driver, lockOfLent(directory), { pid, startedAtMs: clock.nowMs() })
    if (!('release' in lock)) throw new TenaxError('data_in_use', `process ${lock.pid} has the tenant`)
    try {
      const name = lentFileIn(directory)
      const incarnation = parseIncarnation(/\d\d-([^/]+)$/.exec(directory)?.[1] ?? '')
      assert(name !== undefined && incarnation !== undefined, 'a lent tenant has its file')
      const path = join(directory, `${name}.db`)
      const file = SqliteFile.open(path, { driver, settings, nowMs: () => clock.monotonicMs(), synchronous: 'full' })
      const { lineage } = readIdentity(file, incarnation)
      assert(lineage !== undefined, 'a tenant that was open has a lineage')
      const record = newRecord(tenant, { incarnation, file: name }, 'warm', clock.nowMs())
      const onDamage = (reason: string): never => {
        throw new Error(reason)
      }
      const journal = unlogged(file)
      return new LentTenant(
        options,
        lock,
        new Handle({ record, meta: { incarnation, lineage }, file, journal, clock, onDamage }),
      )
    } catch (error) {
      lock.release()
      throw error
    }
  }

  /** Lends its handle while `fn` runs. */
  async use<T>(id: TenantId, fn: (handle: Handle) => Promise<T>): Promise<T> {
    if (id !== this.#options.tenant) throw new TenaxError('tenant_not_found', `only "${this.#options.tenant}" is here`)
    return fn(this.#handle)
  }

  /** Leaves the file whole by itself, as its owner takes it back, and lets it go. */
  async close(): Promise<void> {
    const { file } = this.#handle
    await this.#handle.exclusively(() => settleFile(file))
    file.close()
    markSettled(this.#options.directory)
    this.#lock.release()
  }
}
