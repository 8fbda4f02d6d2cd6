import { expect, test } from 'vitest'
import { faultsOfPoints } from './point-claims.ts'

/** The verbs of the fast tier, which make and remove files; the others, the start of a data directory and recovery are in the long one. */
const VERBS = ['create', 'delete', 'import_over'] as const

/** Each verb dies in dozens of processes, one after another, on a machine that may be busy. */
const TIMEOUT_MS = 240_000

for (const verb of VERBS) {
  test(
    `${verb}: at every crash point the restart finishes or undoes it`,
    async () => {
      expect(await faultsOfPoints(verb)).toEqual([])
    },
    TIMEOUT_MS,
  )
}
