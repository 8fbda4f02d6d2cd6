/** Named moments in a host's life, and a clock that strikes at the k-th of one name. */

/** Where a process can be killed. */
export const KILL_POINTS = [
  'after commit',
  'before append',
  'mid-append',
  'before fsync',
  'after fsync',
  'mid-recovery',
  'mid-checkpoint',
  'mid-trim',
  'mid-verb',
] as const

/** One of {@link KILL_POINTS}. */
export type KillPoint = (typeof KILL_POINTS)[number]

/** Strikes once, at the k-th moment of its name. */
export class PointClock {
  readonly #point: KillPoint | undefined
  readonly #strike: () => void
  #left: number
  #recoveryCount = 0
  /** Until then every event belongs to recovery. */
  isRecovering = true
  /** Lifecycle verbs under way. */
  verbCount = 0

  /** Without a `point` it never strikes. */
  constructor({ point, left, strike }: { point: KillPoint | undefined; left: number; strike: () => void }) {
    this.#point = point
    this.#left = left
    this.#strike = strike
  }

  /** Events of the recovery so far. */
  get recoveryCount(): number {
    return this.#recoveryCount
  }

  /** One moment. True when it is the one to die at: only who has to do something first asks for that. */
  isDue(point: KillPoint): boolean {
    if (this.isRecovering) {
      this.#recoveryCount += 1
      return this.#count('mid-recovery')
    }
    return this.#count(point)
  }

  /** One moment: strikes when it is the one. */
  pass(point: KillPoint): void {
    if (this.isDue(point)) this.#strike()
  }

  /** A change of names, of a catalog or of anything else that belongs to recovery, or to a verb when one is under way. */
  passAny(): void {
    if (this.isRecovering || this.verbCount > 0) this.pass('mid-verb')
  }

  #count(point: KillPoint): boolean {
    if (point !== this.#point) return false
    this.#left -= 1
    return this.#left === 0
  }
}
