/** Runs of one tenant as they are taken from its queue into memory. Read outside any commit. */
import type { SqliteFile } from '@tenax/sqlite'
import type { Registry } from './registry.ts'
import { claimableRuns, hasClaims, readyAlone } from './store/claims.ts'
import { blockedCodes, type RunRow, readRun } from './store/runs.ts'
import { type RecordedSteps, readSteps } from './store/steps.ts'

/** A run with all that its life begins with. */
export interface ClaimedRun {
  readonly row: RunRow
  readonly steps: RecordedSteps
}

/**
 * The runs that are ready or due, the most urgent first, at most `count`, without those that `isInMemory`. `slotless`: due, and
 * to be queued for a slot.
 */
export function readClaimed(
  file: SqliteFile,
  about: {
    readonly nowMs: number
    readonly count: number
    /** How many of those that are found may be in memory. */
    readonly knownCount: number
    readonly isInMemory: (number: number) => boolean
    /** The only run that is asked for; undefined: any. */
    readonly only: string | undefined
  },
): { readonly claimed: ClaimedRun[]; readonly slotless: readonly number[] } {
  const limit = about.count + about.knownCount
  const { numbers, slotless } =
    about.only === undefined ? claimableRuns(file, about.nowMs, limit) : readyAlone(file, about.only, about.nowMs)
  const claimed: ClaimedRun[] = []
  for (const number of numbers) {
    if (claimed.length >= about.count) break
    if (about.isInMemory(number)) continue
    claimed.push(...readAgain(file, [number]))
  }
  return { claimed, slotless }
}

/** These runs as they are now, without those that have ended. */
export function readAgain(file: SqliteFile, numbers: readonly number[]): ClaimedRun[] {
  return numbers.flatMap((number) => {
    const row = readRun(file, number)
    return row === undefined ? [] : { row, steps: readSteps(file, number) }
  })
}

/** True when a host has left claims behind, or new code is there for a run that waits for it. */
export function needsRecovery(file: SqliteFile, registry: Pick<Registry, 'hasOtherCode'>): boolean {
  return hasClaims(file) || blockedCodes(file).some((code) => registry.hasOtherCode(code))
}
