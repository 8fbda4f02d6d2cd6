/**
 * Deleting what is kept no longer: ended runs by the retention of their definition, events by their age; then giving the pages
 * back. In slices, each a commit of its own, and only reads where there is nothing to delete (WORKFLOWS 33).
 */
import type { SqliteFile } from '@tenax/sqlite'
import { earliest } from './earliest.ts'
import { retentionMsOf } from './lifetime.ts'
import {
  NEEDED_LOOK_MS,
  PURGE_ROWS_MAX,
  UPKEEP_PAGE_COUNT,
  UPKEEP_SLACK_MS,
  VACUUM_PAGES,
  VACUUM_SHARE,
} from './limits.ts'
import type { Registry } from './registry.ts'
import type { Effects } from './store/announcement.ts'
import { expireEvents, forgetEvents, nextForgottenMs, readEventPage } from './store/event-expiry.ts'
import { dropKeptKeys, nextKeptKeyMs } from './store/kept-keys.ts'
import {
  isNeeded,
  type KeptRun,
  newestRun,
  pageCounts,
  purgeRuns,
  readKeptRuns,
  readUpkeepMs,
  vacuum,
  writeUpkeepMs,
} from './store/retention.ts'

/** What is lent for it. */
export interface UpkeepAccess {
  readonly registry: Registry
  readonly nowMs: number
  read<T>(body: (file: SqliteFile) => T): Promise<T>
  commit<T>(body: (file: SqliteFile, effects: Effects) => T): Promise<T>
  isStopping(): boolean
}

/** Deletes what is due, and gives when somebody has to look again. */
export async function doUpkeep(access: UpkeepAccess): Promise<number | undefined> {
  const { nowMs } = access
  const runsMs = await sweepRuns(access)
  const eventsMs = await sweepEvents(access)
  const keysMs = await sweepKeys(access)
  await giveBackPages(access)
  // Not all was looked at: whoever comes next begins anew.
  if (access.isStopping()) return nowMs
  const nextMs = earliest([runsMs, eventsMs, keysMs])
  // Some slack gathers what comes to its end in one hour, and keeps what is due in the past from being due for ever.
  const dueAtMs = nextMs === undefined ? undefined : Math.max(nextMs, nowMs) + UPKEEP_SLACK_MS
  if ((await access.read(readUpkeepMs)) !== dueAtMs) await access.commit((file) => writeUpkeepMs(file, dueAtMs))
  return dueAtMs
}

interface RunPage {
  readonly expired: readonly number[]
  readonly afterNumber: number | undefined
  readonly nextMs: number | undefined
}

async function sweepRuns(access: UpkeepAccess): Promise<number | undefined> {
  let nextMs: number | undefined
  for (let afterNumber: number | undefined = 0; afterNumber !== undefined && !access.isStopping(); ) {
    const from: number = afterNumber
    const page = await access.read((file) => readRunPage(file, access, from))
    for (let left = page.expired; left.length > 0 && !access.isStopping(); ) {
      const numbers = left
      left = await access.commit((file) => purgeRuns(file, numbers, access.nowMs))
    }
    nextMs = earliest([nextMs, page.nextMs])
    afterNumber = page.afterNumber
  }
  return nextMs
}

/** Runs are made in the order of their numbers: behind the first that is too young to have been kept long enough, all are. */
function readRunPage(file: SqliteFile, { registry, nowMs }: UpkeepAccess, afterNumber: number): RunPage {
  const runs = readKeptRuns(file, afterNumber, UPKEEP_PAGE_COUNT)
  const newest = newestRun(file)
  const expired: number[] = []
  let nextMs: number | undefined
  for (const run of runs) {
    if (run.createdAtMs + registry.retentionMsMin > nowMs) {
      return { expired, afterNumber: undefined, nextMs: earliest([nextMs, run.createdAtMs + registry.retentionMsMin]) }
    }
    const expiresAtMs = expiryOf(run, registry)
    if (expiresAtMs === undefined || run.number === newest) continue
    if (expiresAtMs > nowMs) nextMs = earliest([nextMs, expiresAtMs])
    else if (isNeeded(file, run.number)) nextMs = earliest([nextMs, nowMs + NEEDED_LOOK_MS])
    else expired.push(run.number)
  }
  return { expired, afterNumber: runs.length < UPKEEP_PAGE_COUNT ? undefined : runs.at(-1)?.number, nextMs }
}

/** When a run is to go. Undefined while it has not ended, and while nobody says how long its workflow keeps runs. */
function expiryOf({ workflow, endedAtMs }: KeptRun, registry: Registry): number | undefined {
  const known = registry.find(workflow)
  return endedAtMs === undefined || known === undefined ? undefined : endedAtMs + retentionMsOf(known)
}

async function sweepEvents(access: UpkeepAccess): Promise<number | undefined> {
  const { nowMs } = access
  let nextMs: number | undefined
  for (let afterNumber = 0, isLast = false; !isLast && !access.isStopping(); ) {
    const page = await access.read((file) => readEventPage(file, afterNumber, nowMs))
    const { untilNumber } = page
    if (untilNumber !== undefined) {
      const range = { afterNumber, untilNumber, nowMs }
      await access.commit((file) => expireEvents(file, range))
      afterNumber = untilNumber
    }
    nextMs = page.nextMs
    isLast = page.isLast
  }
  const forgottenMs = await access.read(nextForgottenMs)
  let hasMore = forgottenMs !== undefined
  while (hasMore && !access.isStopping()) hasMore = await access.commit((file) => forgetEvents(file, nowMs))
  return earliest([nextMs, await access.read(nextForgottenMs)])
}

async function sweepKeys(access: UpkeepAccess): Promise<number | undefined> {
  const slice = { nowMs: access.nowMs, limit: PURGE_ROWS_MAX }
  for (;;) {
    const nextMs = await access.read(nextKeptKeyMs)
    if (nextMs === undefined || nextMs > access.nowMs || access.isStopping()) return nextMs
    await access.commit((file) => dropKeptKeys(file, slice))
  }
}

/** Free pages are used again: they are given back only when they are many. */
async function giveBackPages(access: UpkeepAccess): Promise<void> {
  for (let before = Number.POSITIVE_INFINITY; !access.isStopping(); ) {
    const { pages, free } = await access.read(pageCounts)
    // The tenant's own work may free pages meanwhile: then it is for the next time.
    if (free < VACUUM_PAGES || free < pages * VACUUM_SHARE || free >= before) return
    before = free
    await access.commit((file) => vacuum(file, VACUUM_PAGES))
  }
}
