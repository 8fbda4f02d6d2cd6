/** The runs of one tenant that are in memory: those with a number, and those whose first commit is under way. */
import type { RunLife } from './run-life.ts'
import type { RunNotice } from './store/announcement.ts'

/** Lives by the numbers of their runs. */
export class Lives {
  readonly #numbered = new Map<number, RunLife>()
  readonly #newborn = new Set<RunLife>()

  /** How many there are, newborn ones included. */
  get count(): number {
    return this.#numbered.size + this.#newborn.size
  }

  /** How many have a number. */
  get numberedCount(): number {
    return this.#numbered.size
  }

  has(number: number): boolean {
    return this.#numbered.has(number)
  }

  get(number: number): RunLife | undefined {
    return this.#numbered.get(number)
  }

  /** Numbers of those whose records do not say yet that they were taken, and these. */
  takenWith(numbers: readonly number[]): ReadonlySet<number> {
    const taken = new Set(numbers)
    for (const [number, { isUnrecorded }] of this.#numbered) if (isUnrecorded) taken.add(number)
    return taken
  }

  /** Those that have a number. */
  values(): IterableIterator<RunLife> {
    return this.#numbered.values()
  }

  add(number: number, life: RunLife): void {
    this.#numbered.set(number, life)
  }

  /** Takes in a run that is accepted with its first turn. Its number is told first, so that what that commit settles finds it. */
  addNewborn(life: RunLife): void {
    this.#newborn.add(life)
    life.onNumber = (number) => {
      this.#newborn.delete(life)
      this.#numbered.set(number, life)
    }
  }

  /** Tells a run that is in memory what a commit has made of it. A blocked one knows. */
  tell({ run, type }: RunNotice): void {
    const life = this.#numbered.get(run)
    if (type === 'cancel_requested') life?.cancel()
    else if (type === 'paused') life?.pause()
    else if (type === 'resumed') life?.resume()
    else if (type !== 'blocked') life?.discard()
  }

  /** Lets go of a life that is over. */
  remove(life: RunLife): void {
    this.#newborn.delete(life)
    const { number } = life
    if (number !== undefined && this.#numbered.get(number) === life) this.#numbered.delete(number)
  }

  /** Throws all of them away. */
  discardAll(): void {
    for (const life of [...this.#numbered.values(), ...this.#newborn]) life.discard()
    this.#numbered.clear()
    this.#newborn.clear()
  }
}
