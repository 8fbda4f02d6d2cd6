/**
 * Hears everything that the killed process said and judges what its successor finds: all that was acknowledged, and of
 * each connection at most the one write that was under way; every lifecycle verb done or not begun.
 */
import { ACCOUNT_BALANCE, ACCOUNT_COUNT, COMMITS_BEFORE_LOAD } from './load-tenants.ts'
import { after, type MortalState } from './mortal-load.ts'
import type { Deed, FoundSteady, Report } from './report.ts'

interface SteadyTruth {
  created: 'no' | 'begun' | 'yes'
  readonly acknowledged: Map<string, number>
  vacuumsBegun: number
  /** Processes that had begun when the tenant was last looked at. */
  startsSeen: number
  /** Whether the tenant may be found suspended, not suspended, or both. */
  suspended: ReadonlySet<boolean>
}

interface MortalTruth {
  /** States that the last acknowledged deed may have left: one, but for what a crash left open. */
  before: readonly MortalState[]
  /** States that the deed under way leads to. */
  after: readonly MortalState[]
}

interface FoundRecord {
  readonly exists: boolean
  readonly suspended: boolean
}

/** What is known of the tenants of one data directory, over all the processes that served it. */
export class Oracle {
  readonly faults: string[] = []
  acknowledgedCount = 0
  lookCount = 0
  #startCount = 0
  readonly #steady = new Map<string, SteadyTruth>()
  readonly #mortal = new Map<string, MortalTruth>()

  hear(report: Report): void {
    if (report.type === 'begin') this.#onBegin(report.tenantId, report.lane)
    else if (report.type === 'ack') this.#onAck(report.tenantId, report.lane)
    else if (report.type === 'begin_deed') this.#onBeginDeed(report.tenantId, report.deed)
    else if (report.type === 'ack_deed') this.#onAckDeed(report.tenantId)
    else if (report.type === 'found_record' && report.tenantId.startsWith('mortal')) {
      this.#onMortalRecord(report.tenantId, report)
    } else if (report.type === 'found_record') this.#onSteadyRecord(report.tenantId, report)
    else if (report.type === 'found_steady') this.#onSteady(report.tenantId, report.found)
    else if (report.type === 'found_marks') this.#onMarks(report.tenantId, report.marks)
    else if (report.type === 'violation') this.faults.push(report.text)
    else if (report.type === 'looked') this.lookCount += 1
    else if (report.type === 'starting') this.#startCount += 1
  }

  #steadyOf(id: string): SteadyTruth {
    const known = this.#steady.get(id)
    if (known !== undefined) return known
    const fresh: SteadyTruth = {
      created: 'no',
      acknowledged: new Map(),
      vacuumsBegun: 0,
      startsSeen: this.#startCount,
      suspended: new Set([false]),
    }
    this.#steady.set(id, fresh)
    return fresh
  }

  #mortalOf(id: string): MortalTruth {
    const known = this.#mortal.get(id)
    if (known !== undefined) return known
    const fresh: MortalTruth = { before: [undefined], after: [] }
    this.#mortal.set(id, fresh)
    return fresh
  }

  #onBegin(id: string, lane: string): void {
    const truth = this.#steadyOf(id)
    if (lane === 'create') truth.created = 'begun'
    if (lane === 'vacuum') truth.vacuumsBegun += 1
    if (lane === 'suspend' || lane === 'resume') truth.suspended = new Set([true, false])
  }

  #onAck(id: string, lane: string): void {
    this.acknowledgedCount += 1
    const truth = this.#steadyOf(id)
    if (lane === 'create') truth.created = 'yes'
    else if (lane === 'suspend' || lane === 'resume') truth.suspended = new Set([lane === 'suspend'])
    else truth.acknowledged.set(lane, (truth.acknowledged.get(lane) ?? 0) + 1)
  }

  #onBeginDeed(id: string, deed: Deed): void {
    const truth = this.#mortalOf(id)
    truth.after = truth.before.map((state) => after(state, deed))
  }

  #onAckDeed(id: string): void {
    this.acknowledgedCount += 1
    const truth = this.#mortalOf(id)
    truth.before = truth.after
    truth.after = []
  }

  #onSteadyRecord(id: string, { exists, suspended }: FoundRecord): void {
    const truth = this.#steadyOf(id)
    if (truth.created !== 'begun' && exists !== (truth.created === 'yes')) {
      this.#fault(id, `exists: ${exists}, its creation was acknowledged: ${truth.created}`)
    }
    truth.created = exists ? 'yes' : 'no'
    if (exists && !truth.suspended.has(suspended)) this.#fault(id, `is found with suspended = ${suspended}`)
    truth.suspended = new Set([suspended, false]) // the finder resumes it, and may be killed before that
  }

  #onMortalRecord(id: string, { exists, suspended }: FoundRecord): void {
    const truth = this.#mortalOf(id)
    const possible = [...truth.before, ...truth.after]
    const left = possible.filter(
      (state) => exists === (state !== undefined) && suspended === (state?.suspended ?? false),
    )
    if (left.length === 0) this.#fault(id, `exists: ${exists}, suspended: ${suspended}; possible: ${shown(possible)}`)
    const resumed = left.map((state) => (state === undefined ? undefined : { ...state, suspended: false }))
    truth.before = suspended ? [...left, ...resumed] : left
    truth.after = []
  }

  #onMarks(id: string, marks: readonly number[]): void {
    const truth = this.#mortalOf(id)
    const left = truth.before.filter((state) => state !== undefined && String(state.marks) === String(marks))
    if (left.length === 0) this.#fault(id, `holds ${marks}; possible: ${shown(truth.before)}`)
    truth.before = [{ suspended: false, marks }]
  }

  #onSteady(id: string, found: FoundSteady): void {
    const truth = this.#steadyOf(id)
    const lanes = new Map(found.lanes.map((lane) => [lane.lane, lane]))
    for (const name of ['a', 'b', 'money']) {
      const { count, first, last } = lanes.get(name) ?? { count: 0, first: 1, last: 0 }
      if (first !== 1 || last !== count) this.#fault(id, `connection ${name}: ${count} rows from ${first} to ${last}`)
      this.#compare(id, truth, name, count)
    }
    this.#compare(id, truth, 'table', found.tables)
    if (found.balance !== ACCOUNT_COUNT * ACCOUNT_BALANCE) this.#fault(id, `the balances sum to ${found.balance}`)
    for (const fault of ['lsnRepeated', 'lsnBackward', 'balancesWrong'] as const) {
      if (found[fault] !== 0) this.#fault(id, `${fault}: ${found[fault]}`)
    }
    const commits = found.lanes.reduce((sum, { count }) => sum + count, COMMITS_BEFORE_LOAD + found.tables)
    const vacuums = found.lsn - commits
    const acknowledged = truth.acknowledged.get('vacuum') ?? 0
    // The first commit after each unclean stop begins a lineage. A stamp comes before a checkpoint, and behind another commit.
    const most = commits + 2 * (truth.vacuumsBegun + this.#startCount - truth.startsSeen)
    if (vacuums < acknowledged || vacuums > most) {
      this.#fault(
        id,
        `LSN ${found.lsn} for ${commits} commits and ${acknowledged} to ${most} VACUUMs, lineages and stamps`,
      )
    }
    truth.startsSeen = this.#startCount
    truth.acknowledged.set('vacuum', vacuums)
    truth.vacuumsBegun = vacuums
  }

  #compare(id: string, truth: SteadyTruth, lane: string, count: number): void {
    const acknowledged = truth.acknowledged.get(lane) ?? 0
    if (count < acknowledged) this.#fault(id, `${lane}: ${acknowledged} acknowledged, ${count} found`)
    if (count > acknowledged + 1) this.#fault(id, `${lane}: ${count} found, at most ${acknowledged + 1} were sent`)
    truth.acknowledged.set(lane, count)
  }

  #fault(id: string, text: string): void {
    this.faults.push(`${id}: ${text}`)
  }
}

function shown(states: readonly MortalState[]): string {
  return states.map((state) => JSON.stringify(state ?? 'absent')).join(' or ')
}
