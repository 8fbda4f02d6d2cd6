/** What is claimed of every crash point of a verb. */
import { scratchDirectory } from '../scratch.ts'
import { crashPoints, prepareBench } from './crash-points.ts'
import type { VerbName } from './verbs.ts'

const NOTES = 'note:1 note:2 note:3'

/** A tenant with all that the bench has put into it. */
export const FULL = `warm, marks ${NOTES} later:1`

/** What the tenant is before the verb and after it: at each crash point it is one of the two. */
export const OUTCOMES: Readonly<Record<Exclude<VerbName, 'open'>, { before: string; after: string }>> = {
  create: { before: 'absent', after: 'warm, marks later:1' },
  delete: { before: FULL, after: 'absent' },
  import_new: { before: 'absent', after: 'warm, marks imported:7 later:1' },
  import_over: { before: FULL, after: 'warm, marks imported:7 later:1' },
  suspend: { before: FULL, after: 'suspended' },
  resume: { before: 'suspended', after: FULL },
  migrate: { before: `warm, marks ${NOTES}`, after: FULL },
}

/** Kills the verb at each of its crash points. Gives whatever a restart found that is neither the old nor the new, whole. */
export async function faultsOfPoints(verb: Exclude<VerbName, 'open'>): Promise<string[]> {
  using scratch = scratchDirectory()
  const bench = await prepareBench(verb, scratch.path)
  const { before, after } = OUTCOMES[verb]
  const faults: string[] = []
  let isChanged = false
  let count = 0
  for await (const point of crashPoints(bench)) {
    count += 1
    const claim = (holds: boolean, text: string) => {
      if (!holds) faults.push(`${verb}, death after changing statement ${point.statementCount}: ${text}`)
    }
    // Once it is done, it stays done: there is one moment of change.
    const mustBeDone = isChanged || point.wasAcknowledged
    isChanged = point.target === after
    claim(isChanged || (point.target === before && !mustBeDone), `the tenant is ${point.target}`)
    claim(point.neighbour === (verb === 'migrate' ? before : FULL), `its neighbour is ${point.neighbour}`)
    claim(point.completed === after, `done again, the tenant is ${point.completed}`)
    for (const fault of point.faults) claim(false, fault)
  }
  return count > 1 ? faults : [`${verb} has ${count} crash points`]
}
