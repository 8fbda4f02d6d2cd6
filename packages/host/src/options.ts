/** Options of {@link createTenax} and the one settings object that they become. */
import { isAbsolute } from 'node:path'
import type { StoreCall } from '@tenax/blobstore'
import { ENGINE_TABLES, type EngineEvent } from '@tenax/engine'
import { type Clock, type DurabilityClass, parseDurabilityClass, systemClock, TenaxError } from '@tenax/kernel'
import { type EngineDriver, libsqlDriver } from '@tenax/sqlite'
import {
  type Migration,
  standardSettings,
  type TenancyComponents,
  type TenancyEvent,
  type TenancySettings,
} from '@tenax/tenancy'
import type { EventDef, Workflow, WorkflowRef } from '@tenax/workflow'
import { PROBATION_MEMORY_MIB } from './limits.ts'
import { isEvent, isWorkflow } from './load-workflows.ts'
import type { ProbationEvent } from './probation/probation.ts'
import type { StoreSettings } from './store.ts'

/** Something that an operator should know. */
export type HostEvent = TenancyEvent | EngineEvent | ProbationEvent

/** What an embedder says. Only `data` is needed. */
export interface TenaxOptions {
  /** The data directory; made if it is not there. */
  readonly data: string
  /** The key that requests carry as a bearer token. Without it the loopback guard is on. */
  readonly adminKey?: string
  /** `off`: the embedder's own app decides who may come in. Default `loopback`: without a key, only this machine may. */
  readonly guard?: 'loopback' | 'off'
  /** Migrations in order of their names, applied to every tenant. See {@link loadMigrations}. */
  readonly migrations?: readonly Migration[]
  /** The workflows that tenants may run: what `workflow()` has answered. See {@link loadWorkflows}. */
  readonly workflows?: readonly WorkflowRef<never, unknown>[]
  /** Events whose payloads are checked by their schemas when they are sent: what `event()` has answered. */
  readonly events?: readonly EventDef<unknown>[]
  /**
   * Runs each workflow's function again behind each of its commits, and blocks the run when it does not do the same: for who
   * works on it. Default false.
   */
  readonly checksReplay?: boolean
  /** Shards of a new data directory, 1 to 99; an existing one keeps its own. Default 16. */
  readonly shardCount?: number
  /** When replies of tenants without a class of their own leave: `relaxed` or `local`. Default `local`. */
  readonly durability?: DurabilityClass
  /** Object storage: where archived tenants are. Default: none, and no tenant is archived. */
  readonly store?: StoreSettings
  /** A tenant that nobody used for so long is archived, in milliseconds. Needs `store`. Default: only who is told to be. */
  readonly archiveAfterMs?: number
  /** Bytes of tenants' files above which the longest idle are archived. Needs `store`. Default: no bound. */
  readonly diskBudgetBytes?: number
  /** Between proofs that a random tenant's snapshot can be restored, in milliseconds. Needs `store`. Default: only who is told to. */
  readonly scrubEveryMs?: number
  /** Bytes of the disk that stay free of tenants' writes; 0: none. Default: 256 MiB, or 2 % of the disk if that is less. */
  readonly diskFreeBytesMin?: number
  /** Open tenant files. Default 500. */
  readonly handlesMax?: number
  /** A tenant file that nobody used for so long is closed, in milliseconds. Default 60,000. */
  readonly handleIdleMs?: number
  /** Longest run of one statement, in milliseconds. Default 5,000. */
  readonly queryTimeoutMs?: number
  /** Pages of 4 KiB that one tenant may have. Default 262,144 (1 GiB). */
  readonly pageCountMax?: number
  /** Rows of one reply. Default 10,000. */
  readonly replyRowsMax?: number
  /** Bytes of values in one reply; the results of one pipeline or cursor have that much together. Default 8 MiB. */
  readonly replyBytesMax?: number
  /** Size of a file that is imported, in bytes. Default 1 GiB. */
  readonly importBytesMax?: number
  /**
   * Only for a process that others start again when it ends: an event loop that has stood still for so long, in milliseconds,
   * ends it with SIGKILL, and the run that is on it is put aside. Default: it is only told. At least 5,000.
   */
  readonly stallKillMs?: number
  /**
   * How a run is tried that processes died with: alone, in a process of its own with a heap of `memoryMib` (512), which gets its
   * workflows from `module`, an absolute path: what that exports, or what its default export lists. Without it such a run goes on.
   */
  readonly probation?: { readonly module: string; readonly memoryMib?: number }
  /** Whether a standing event loop is told on stderr while it stands, as a line of JSON. Default: only as an event, when it turns again. */
  readonly tellsStderr?: boolean
  /** Told what an operator should know: recoveries, quarantines, ends of runs. */
  readonly onEvent?: (event: HostEvent) => void
  /** Told of each call of `store` that has ended, without its key. It must not throw. */
  readonly onStoreCall?: (call: StoreCall) => void
  /** Told of a request that failed for no fault of its caller. */
  readonly onError?: (error: unknown) => void
  /** Called once when the host can no longer keep its promises. Default: SIGKILL of the own process. It must not return to business. */
  readonly onFatal?: (error: unknown) => void
  readonly clock?: Clock
  readonly driver?: EngineDriver
  /** The disk under the ledger, when it is not the file system: for tests. */
  readonly ledgerFiles?: TenancyComponents['ledgerFiles']
}

/** Settings, complete and checked. */
export interface HostSettings {
  readonly tenancy: TenancySettings
  readonly store: StoreSettings | undefined
  readonly adminKey: string | undefined
  readonly guard: 'loopback' | 'off'
  readonly driver: EngineDriver
  readonly ledgerFiles: TenancyComponents['ledgerFiles']
  readonly clock: Clock
  readonly workflows: readonly Workflow[]
  readonly events: readonly EventDef<unknown>[]
  readonly checksReplay: boolean
  readonly stallKillMs: number | undefined
  readonly probation: { readonly module: string; readonly memoryMib: number } | undefined
  readonly tellsStderr: boolean
  readonly onEvent: (event: HostEvent) => void
  readonly onStoreCall: ((call: StoreCall) => void) | undefined
  readonly onError: (error: unknown) => void
  readonly onFatal: (error: unknown) => void
}

/** @throws TenaxError `config_invalid` naming the option */
export function readOptions(options: TenaxOptions): HostSettings {
  if (options.adminKey !== undefined && options.adminKey.length < 16) {
    throw new TenaxError('config_invalid', 'adminKey has fewer than 16 characters', {
      hint: 'use a long random key: openssl rand -hex 32',
    })
  }
  return {
    tenancy: readTenancy(options),
    store: options.store,
    workflows: workflowsOf(options.workflows ?? []),
    events: eventsOf(options.events ?? []),
    checksReplay: options.checksReplay ?? false,
    adminKey: options.adminKey,
    guard: options.guard ?? 'loopback',
    stallKillMs: stallKillMsOf(options.stallKillMs),
    probation: probationOf(options.probation),
    tellsStderr: options.tellsStderr ?? false,
    driver: options.driver ?? libsqlDriver,
    ledgerFiles: options.ledgerFiles,
    clock: options.clock ?? systemClock,
    onEvent: options.onEvent ?? (() => undefined),
    onStoreCall: options.onStoreCall,
    onError: options.onError ?? (() => undefined),
    onFatal: options.onFatal ?? (() => void process.kill(process.pid, 'SIGKILL')),
  }
}

function readTenancy(options: TenaxOptions): TenancySettings {
  const standard = standardSettings(options.data)
  const { pool, file } = standard
  return {
    ...standard,
    shardCount: countOf('shardCount', options.shardCount, standard.shardCount, 99),
    pool: {
      ...pool,
      handlesMax: countOf('handlesMax', options.handlesMax, pool.handlesMax, 100_000),
      idleMs: countOf('handleIdleMs', options.handleIdleMs, pool.idleMs, 86_400_000),
    },
    file: {
      ...file,
      queryTimeoutMs: countOf('queryTimeoutMs', options.queryTimeoutMs, file.queryTimeoutMs, 3_600_000),
      pageCountMax: countOf('pageCountMax', options.pageCountMax, file.pageCountMax, 4_294_967_294),
      reply: {
        rowsMax: countOf('replyRowsMax', options.replyRowsMax, file.reply.rowsMax, 1_000_000),
        bytesMax: countOf('replyBytesMax', options.replyBytesMax, file.reply.bytesMax, 268_435_456),
      },
    },
    importBytesMax: countOf('importBytesMax', options.importBytesMax, standard.importBytesMax, Number.MAX_SAFE_INTEGER),
    migrations: options.migrations ?? standard.migrations,
    tables: ENGINE_TABLES,
    durability: classOf(options.durability ?? 'local'),
    ...archivingOf(options),
    ...diskOf(options),
  }
}

const YEAR_MS = 365 * 86_400_000

/** What does something with the store, and its largest value. */
const OF_THE_STORE = { archiveAfterMs: YEAR_MS, scrubEveryMs: YEAR_MS, diskBudgetBytes: Number.MAX_SAFE_INTEGER }

type OfTheStore = keyof typeof OF_THE_STORE

function archivingOf(options: TenaxOptions): Pick<TenancySettings, OfTheStore> {
  const given = (Object.keys(OF_THE_STORE) as OfTheStore[]).flatMap((name) => {
    const value = options[name]
    if (value === undefined) return []
    if (options.store !== undefined) return [[name, countOf(name, value, 0, OF_THE_STORE[name])]]
    throw new TenaxError('config_invalid', `${name} needs a store`, { hint: 'say where archived tenants go' })
  })
  return Object.fromEntries(given)
}

function diskOf({ diskFreeBytesMin }: TenaxOptions): Pick<TenancySettings, 'diskFreeBytesMin'> {
  if (diskFreeBytesMin === undefined) return {}
  if (Number.isSafeInteger(diskFreeBytesMin) && diskFreeBytesMin >= 0) return { diskFreeBytesMin }
  throw new TenaxError('config_invalid', 'diskFreeBytesMin must be a whole number from 0 on')
}

/** Below this a slow disk or a busy machine would end hosts that nothing is wrong with. */
const STALL_KILL_MS_MIN = 5_000

function stallKillMsOf(value: number | undefined): number | undefined {
  if (value === undefined) return undefined
  if (Number.isInteger(value) && value >= STALL_KILL_MS_MIN && value <= 3_600_000) return value
  throw new TenaxError('config_invalid', `stallKillMs must be a whole number from ${STALL_KILL_MS_MIN} to 3600000`)
}

function probationOf(given: TenaxOptions['probation']): HostSettings['probation'] {
  if (given === undefined) return undefined
  const { module, memoryMib } = given
  if (!isAbsolute(module)) throw new TenaxError('config_invalid', 'probation.module must be an absolute path')
  return { module, memoryMib: countOf('probation.memoryMib', memoryMib, PROBATION_MEMORY_MIB, 1_048_576) }
}

function classOf(value: unknown): DurabilityClass {
  const durability = parseDurabilityClass(value)
  if (durability !== undefined) return durability
  throw new TenaxError('config_invalid', 'durability must be relaxed, local or remote')
}

/** Throws TenaxError `config_invalid`. */
export function workflowsOf(workflows: readonly unknown[]): readonly Workflow[] {
  return workflows.map((workflow) => {
    if (isWorkflow(workflow)) return workflow
    throw new TenaxError('config_invalid', 'workflows lists something that is no workflow', {
      hint: 'list what workflow() has answered; loadWorkflows() reads modules',
    })
  })
}

/** Throws TenaxError `config_invalid`. */
export function eventsOf(events: readonly unknown[]): readonly EventDef<unknown>[] {
  return events.map((event) => {
    if (isEvent(event)) return event
    throw new TenaxError('config_invalid', 'events lists something that is no event', {
      hint: 'list what event() has answered; loadDefinitions() reads modules',
    })
  })
}

function countOf(name: string, value: number | undefined, standard: number, max: number): number {
  if (value === undefined) return standard
  if (Number.isInteger(value) && value >= 1 && value <= max) return value
  throw new TenaxError('config_invalid', `${name} must be a whole number from 1 to ${max}`)
}
