/**
 * The event loop, shared out among the tenants of a host (WORKFLOWS 27): deficit round-robin by measured time.
 *
 * Who works for a tenant waits in its line first, for one _entry_: a commit, a claim, a body up to its next wait, a start. An
 * entry is measured from where it is let in to where no microtask is left, and charged to its tenant; only then is the next one
 * let in. A tenant goes on until its line is empty, or {@link SHARE_MS} of this round are used up. When everybody who waits has
 * used up theirs, a new round begins. A long entry is paid back over several rounds, and time is not saved up. Who comes anew,
 * and has some left, comes first: a run that goes on now and then does not wait for shares, but for an entry.
 *
 * Entries follow each other in a _pass_, without a turn of the loop in between. Then the loop looks at what the disk, the network
 * and the timers have for it: behind {@link PASS_MS} of one who always wants more, as long as there are others. Who is alone has
 * {@link SHARE_ALONE_MS}, since more of what it does fits into a commit then.
 *
 * Invariants:
 *  1. Between two entries no microtask is left, so that nobody is charged for another.
 *  2. While somebody waits, a pass is under way or on its way: nobody waits for a loop that stands idle.
 *  3. Of two tenants that always want more, none gets more than the other, but for one share and one entry.
 */
import { type Clock, Line, type TenantId } from '@tenax/kernel'
import { ACCOUNTS_MAX, PASS_MS, SHARE_ALONE_MS, SHARE_MS, SHARED_MS } from './limits.ts'

/**
 * What an entry is for: runs that are in memory, or a start from outside. They take turns, share by share, so that neither a
 * flood of starts holds up what it has started, nor the other way round.
 */
export type EntryKind = 'run' | 'start'

/** What a tenant has of this round, and who waits for it. */
interface Account {
  readonly tenant: TenantId
  readonly lines: Readonly<Record<EntryKind, Line<() => void>>>
  leftMs: number
  /** The last round that it was given time in. */
  round: number
  /** Whose turn it is inside the tenant. */
  turn: EntryKind
}

/** The turns of all tenants of a host at its event loop. */
export class FairShare {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #macrotask: () => Promise<void>
  readonly #accounts = new Map<TenantId, Account>()
  /** Those with somebody in line, in turn: who has just come, who has time left, who has not. Not the one that is at work. */
  readonly #fresh = new Set<Account>()
  readonly #ready = new Set<Account>()
  readonly #spent = new Set<Account>()
  #round = 0
  #shareMs = SHARE_ALONE_MS
  /** True while a pass is under way, or on its way. */
  #isOn = false
  #passAtMs: number | undefined
  #current: Account | undefined
  #isFresh = false
  /** Undefined between two entries. */
  #entryAtMs: number | undefined
  #last: TenantId | undefined
  #sharedAtMs = Number.NEGATIVE_INFINITY

  /** `macrotask` resolves when everything has run that was due. */
  constructor(parts: { readonly clock: Pick<Clock, 'monotonicMs'>; readonly macrotask: () => Promise<void> }) {
    this.#clock = parts.clock
    this.#macrotask = parts.macrotask
  }

  /** True when more than one tenant has had work lately: what cannot be interrupted is to be short. */
  get isShared(): boolean {
    return this.#isSharedAt(this.#clock.monotonicMs())
  }

  /** Resolves when the tenant's turn has come, for one entry: until no microtask is left. */
  enter(tenant: TenantId, kind: EntryKind = 'run'): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const account = this.#account(tenant)
    if (account !== this.#current && isEmpty(account)) this.#line(account, this.#fresh)
    account.lines[kind].add(resolve)
    if (!this.#isOn) {
      this.#isOn = true
      this.#afterMicrotasks()
    }
    return promise
  }

  /** True when somebody waits for the tenant's turn. */
  isAwaitedBy(tenant: TenantId): boolean {
    const account = this.#accounts.get(tenant)
    return account !== undefined && !isEmpty(account)
  }

  /** Lets everything run that is due, and enters then. */
  async rest(tenant: TenantId): Promise<void> {
    await this.#macrotask()
    await this.enter(tenant)
  }

  #isSharedAt(nowMs: number): boolean {
    return nowMs - this.#sharedAtMs < SHARED_MS
  }

  #account(tenant: TenantId): Account {
    const known = this.#accounts.get(tenant)
    if (known !== undefined) return known
    if (this.#accounts.size >= ACCOUNTS_MAX) this.#forgetIdle()
    const lines = { run: new Line<() => void>(), start: new Line<() => void>() }
    const account: Account = { tenant, lines, leftMs: this.#shareMs, round: this.#round, turn: 'run' }
    this.#accounts.set(tenant, account)
    return account
  }

  /** What somebody owes is forgotten with them: a share or an entry, of one who wants nothing at the moment. */
  #forgetIdle(): void {
    for (const [tenant, account] of this.#accounts) {
      if (account !== this.#current && isEmpty(account)) this.#accounts.delete(tenant)
    }
  }

  #line(account: Account, line: Set<Account>): void {
    this.#give(account)
    if (account.leftMs > 0) line.add(account)
    else this.#spent.add(account)
  }

  /** A tick that is asked for by a microtask comes when no microtask is left. */
  #afterMicrotasks(): void {
    queueMicrotask(() => process.nextTick(this.#step))
  }

  /** Between two entries: charges the one that is over, and lets the next one in. */
  readonly #step = (): void => {
    const nowMs = this.#clock.monotonicMs()
    this.#passAtMs ??= nowMs
    this.#shareMs = this.#isSharedAt(nowMs) ? SHARE_MS : SHARE_ALONE_MS
    this.#charge(nowMs)
    this.#current ??= this.#next(nowMs)
    if (this.#current === undefined || nowMs - this.#passAtMs >= this.#passMsMax) this.#endPass()
    else this.#letIn(this.#current, nowMs)
  }

  /**
   * The more tenants wait, the longer a pass: where all want something, none is held up by one, and what they commit goes into one
   * flush. So it is with those who have just come.
   */
  get #passMsMax(): number {
    if (this.#isFresh || this.#shareMs === SHARE_ALONE_MS) return SHARE_ALONE_MS
    return Math.min(SHARE_ALONE_MS, PASS_MS * (1 + this.#ready.size + this.#spent.size))
  }

  /** Whoever is at work stays so, unless its line is empty, its time is used up, or somebody has just come. */
  #charge(nowMs: number): void {
    const account = this.#current
    if (account === undefined) return
    if (this.#entryAtMs !== undefined) account.leftMs -= nowMs - this.#entryAtMs
    this.#entryAtMs = undefined
    const isFirst = this.#isFresh || this.#fresh.size === 0
    if (isFirst && account.leftMs > 0 && !isEmpty(account)) return
    this.#current = undefined
    if (!isEmpty(account)) this.#line(account, this.#ready)
  }

  #next(nowMs: number): Account | undefined {
    this.#isFresh = this.#fresh.size > 0
    while (!this.#isFresh && this.#ready.size === 0 && this.#spent.size > 0) this.#beginRound()
    const line = this.#isFresh ? this.#fresh : this.#ready
    const [account] = line
    if (account === undefined) return undefined
    line.delete(account)
    account.turn = otherThan(account.turn)
    if (account.tenant !== this.#last && this.#last !== undefined) this.#sharedAtMs = nowMs
    this.#last = account.tenant
    return account
  }

  /** Gives everybody time who waits: as many rounds at once as it takes until somebody has some left. */
  #beginRound(): void {
    let leastMs = Number.POSITIVE_INFINITY
    for (const { leftMs } of this.#spent) leastMs = Math.min(leastMs, -leftMs)
    this.#round += Math.floor(leastMs / this.#shareMs) + 1
    for (const account of this.#spent) {
      this.#give(account)
      if (account.leftMs > 0 && this.#spent.delete(account)) this.#ready.add(account)
    }
  }

  /** What an account is due for the rounds that it has missed: time is not saved up. */
  #give(account: Account): void {
    account.leftMs = Math.min(this.#shareMs, account.leftMs + (this.#round - account.round) * this.#shareMs)
    account.round = this.#round
  }

  #letIn(account: Account, nowMs: number): void {
    this.#entryAtMs = nowMs
    letFirstIn(account)
    this.#afterMicrotasks()
  }

  /** Nobody waits, or the rest is for the next pass. */
  #endPass(): void {
    this.#passAtMs = undefined
    this.#isOn = this.#current !== undefined
    if (this.#isOn) void this.#macrotask().then(() => this.#afterMicrotasks())
  }
}

function isEmpty({ lines }: Account): boolean {
  return lines.run.isEmpty && lines.start.isEmpty
}

/** Lets the first one in of those whose turn it is. */
function letFirstIn({ lines, turn }: Account): void {
  const first = lines[turn].take() ?? lines[otherThan(turn)].take()
  first?.()
}

function otherThan(kind: EntryKind): EntryKind {
  return kind === 'run' ? 'start' : 'run'
}
