/** What a power cut must leave: every acknowledged write, and of each writer at most the one that was under way. */

interface Truth {
  /** Whether the tenant is there: undefined while a verb that changes it is under way. */
  exists: boolean | undefined
  /** Rows that were acknowledged, and rows that may be there. */
  acknowledgedCount: number
  begunCount: number
}

/** What a start found of one tenant. */
export interface FoundRows {
  readonly count: number
  readonly last: number
}

/** Knows what was promised, as of now or as of the power cut. */
export class PowerOracle {
  #now = new Map<string, Truth>()
  readonly faults: string[] = []
  /** Acknowledgements that a later start was held to. */
  acknowledgedCount = 0

  #truthOf(id: string): Truth {
    const known = this.#now.get(id)
    if (known !== undefined) return known
    const fresh: Truth = { exists: false, acknowledgedCount: 0, begunCount: 0 }
    this.#now.set(id, fresh)
    return fresh
  }

  /** What is true at this moment, to go back to with {@link goBack}. */
  freeze(): ReadonlyMap<string, Readonly<Truth>> {
    return structuredClone(this.#now)
  }

  /** Forgets what happened since `then`: the power was gone by then. */
  goBack(then: ReadonlyMap<string, Readonly<Truth>>): void {
    this.#now = new Map(structuredClone(then))
  }

  /** Number of the next row, which is under way from now on. */
  begin(id: string): number {
    const truth = this.#truthOf(id)
    truth.begunCount += 1
    return truth.begunCount
  }

  /** The row that was begun last is promised. */
  acknowledge(id: string): void {
    const truth = this.#truthOf(id)
    truth.acknowledgedCount = truth.begunCount
    this.acknowledgedCount += 1
  }

  /** A creation or deletion begins; the rows go with it. */
  beginVerb(id: string): void {
    Object.assign(this.#truthOf(id), { exists: undefined, acknowledgedCount: 0 })
  }

  /** It was acknowledged. */
  endVerb(id: string, exists: boolean): void {
    this.acknowledgedCount += 1
    Object.assign(this.#truthOf(id), { exists, acknowledgedCount: 0, begunCount: 0 })
  }

  /** Whether the tenant is known to be there. */
  exists(id: string): boolean | undefined {
    return this.#truthOf(id).exists
  }

  /** Takes the tenants that a start has found. */
  foundTenants(ids: ReadonlySet<string>): void {
    for (const [id, truth] of this.#now) {
      if (truth.exists !== undefined && truth.exists !== ids.has(id)) {
        this.faults.push(`${id} ${truth.exists ? 'was acknowledged and is gone' : 'is there and should not be'}`)
      }
      truth.exists = ids.has(id)
    }
  }

  /** Takes the rows that a start has found in one tenant: they are 1 to n without a gap. */
  foundRows(id: string, { count, last }: FoundRows): void {
    const truth = this.#truthOf(id)
    const { acknowledgedCount, begunCount } = truth
    if (count !== last || count < acknowledgedCount || count > begunCount) {
      this.faults.push(
        `${id} has ${count} rows up to ${last}; ${acknowledgedCount} were acknowledged, ${begunCount} begun`,
      )
    }
    Object.assign(truth, { acknowledgedCount: count, begunCount: count })
  }
}
