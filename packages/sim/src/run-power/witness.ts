/**
 * What the world outside has seen of the runs, and what the tenants say of it after a power cut (WORKFLOWS 9): whoever was
 * told of a row was told of one that is there, and a step whose record is there is never done again.
 */

/** One line that a step left outside. */
export interface OutsideLine {
  readonly tenant: string
  readonly run: string
  readonly step: string
  /** The row that it tells of. */
  readonly row: number
}

/** What a start found in one tenant. */
export interface FoundTenant {
  readonly rows: ReadonlySet<number>
  /** Ids of its runs. */
  readonly runs: ReadonlySet<string>
  /** Steps that are recorded as done, as `run/step`. */
  readonly steps: ReadonlySet<string>
}

/** How much had happened at some moment. */
export interface Moment {
  readonly lineCount: number
  readonly acceptedCount: number
}

/** Knows what was told and promised, as of now or as of the power cut. */
export class Witness {
  readonly faults: string[] = []
  #lines: OutsideLine[] = []
  #accepted: string[] = []
  /** Recorded when this life began. */
  #recorded = new Set<string>()
  #toldInThisLife = new Set<string>()

  get lineCount(): number {
    return this.#lines.length
  }

  get acceptedCount(): number {
    return this.#accepted.length
  }

  /** A step does what it is for. */
  tell(line: OutsideLine): void {
    const key = `${line.tenant}/${line.run}/${line.step}`
    if (this.#recorded.has(key)) this.faults.push(`${key} is recorded, and ran again`)
    if (this.#toldInThisLife.has(key)) this.faults.push(`${key} ran twice in one life`)
    this.#toldInThisLife.add(key)
    this.#lines.push(line)
  }

  /** A run was accepted, durably. */
  accept(tenant: string, run: string): void {
    this.#accepted.push(`${tenant}/${run}`)
  }

  /** True when a run was promised. */
  isAccepted(tenant: string, run: string): boolean {
    return this.#accepted.includes(`${tenant}/${run}`)
  }

  now(): Moment {
    return { lineCount: this.#lines.length, acceptedCount: this.#accepted.length }
  }

  /** Forgets what came later: the power was gone by then. A new life begins. */
  goBack({ lineCount, acceptedCount }: Moment): void {
    this.#lines = this.#lines.slice(0, lineCount)
    this.#accepted = this.#accepted.slice(0, acceptedCount)
    this.#toldInThisLife.clear()
  }

  /** Holds what was told and promised by `at` against what is there. */
  check(found: ReadonlyMap<string, FoundTenant>, at: Moment, where: string): void {
    const lines = this.#lines.slice(0, at.lineCount)
    for (const { tenant, run, step, row } of lines) {
      const there = found.get(tenant)
      if (there?.rows.has(row) !== true) this.faults.push(`${where}: ${tenant}/${run}/${step} told of row ${row}: gone`)
      if (there?.runs.has(run) !== true)
        this.faults.push(`${where}: ${tenant}/${run}/${step} was done, its run is gone`)
    }
    for (const key of this.#accepted.slice(0, at.acceptedCount)) {
      const [tenant = '', run = ''] = key.split('/')
      if (found.get(tenant)?.runs.has(run) !== true) this.faults.push(`${where}: ${key} was accepted and is gone`)
    }
    this.#checkSteps(found, lines, where)
  }

  #checkSteps(found: ReadonlyMap<string, FoundTenant>, lines: readonly OutsideLine[], where: string): void {
    const counts = new Map<string, number>()
    for (const { tenant, run, step } of lines) {
      const key = `${tenant}/${run}/${step}`
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    for (const [tenant, { steps }] of found) {
      for (const step of steps) {
        if (!counts.has(`${tenant}/${step}`)) this.faults.push(`${where}: ${tenant}/${step} is recorded, and never ran`)
      }
    }
    for (const [key, count] of counts) {
      if (key.endsWith('/once') && count > 1) this.faults.push(`${where}: ${key} may run once, and ran ${count} times`)
    }
  }

  /** What is recorded when a life begins. */
  beginLife(found: ReadonlyMap<string, FoundTenant>): void {
    this.#recorded = new Set([...found].flatMap(([tenant, { steps }]) => [...steps].map((step) => `${tenant}/${step}`)))
  }
}
