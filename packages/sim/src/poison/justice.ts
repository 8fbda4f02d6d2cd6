/** What test D asks of whatever happened: exactly the two that kill are put aside, by name, and all others are done. */
import { assert } from '@tenax/kernel'
import type { PoisonEnd, PoisonScale } from './poison-host.ts'

/** Attempts that a step has, unless it says else (WORKFLOWS 13). */
const ATTEMPTS_MAX = 3

/** Throws an error that names what is wrong. */
export function expectJustice(end: PoisonEnd, { innocentCount }: PoisonScale): void {
  const { standings, faults, attempts } = end
  const wrong = [...faults]
  const expected = new Map<string, string>([
    ...[...Array(innocentCount).keys()].map((index) => [`innocent-${index}`, 'completed'] as const),
    ...(['honest'] as const).map((run) => [run, 'completed'] as const),
    ...(['allocate', 'spin'] as const).map((run) => [run, 'poisoned'] as const),
  ])
  for (const [run, standing] of expected) {
    const found = standings.get(run)
    if (found !== standing) wrong.push(`${run} is ${found}, not ${standing}`)
  }
  for (const run of standings.keys()) if (!expected.has(run)) wrong.push(`${run} was never started`)
  for (const { run, step, number } of attempts) {
    if (number > ATTEMPTS_MAX) wrong.push(`${run} tried "${step}" as number ${number}`)
  }
  assert(wrong.length === 0, `${wrong.join('; ')} (${end.lives} lives)`)
}
