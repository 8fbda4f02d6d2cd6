/**
 * Scopes of names (WORKFLOWS 1). An operation is `scope/name[key]`, or `scope/name#n` for the n-th of that name. A branch of
 * `all`, `race` or `map` has a scope of its own, `race#1[key]/`, which is dropped as a whole.
 */

/** Why something was dropped: what lost a race is undone at once, even where it had finished. */
export type DropReason = 'lost' | 'ended'

/** What is open in a scope. */
export interface Member {
  drop(reason: DropReason): void
}

/** Names and open operations of one branch. */
export class Scope {
  /** Empty, or ends with a slash, unless it only groups branches. */
  readonly path: string
  readonly #parent: Scope | undefined
  /** Operations and scopes with open operations: what dropping this scope must reach. */
  readonly #members = new Set<Member>()
  readonly #counts = new Map<string, number>()
  readonly #taken = new Set<string>()
  #dropped: DropReason | undefined

  constructor(path: string, parent?: Scope) {
    this.path = path
    this.#parent = parent
  }

  get isDropped(): boolean {
    return this.#dropped !== undefined || this.#parent?.isDropped === true
  }

  /** The outermost scope around it: the body's, or that of one compensation. */
  get root(): Scope {
    return this.#parent?.root ?? this
  }

  get isLost(): boolean {
    return this.#dropped === 'lost' || this.#parent?.isLost === true
  }

  /** The scope around the branches of the n-th group of that name in here. */
  group(name: string): Scope {
    return new Scope(this.path + this.#next(escapeName(name), '*'), this)
  }

  /** The scope of one branch of a {@link group}. */
  branch(key: string): Scope {
    return new Scope(`${this.path}[${escapeName(key)}]/`, this)
  }

  /** An identity, which stays taken for ever when it has a key; undefined when it is taken. */
  take(name: string, key: string | undefined): { identity: string; label: string | undefined } | undefined {
    const label = escapeName(name)
    const taken = key === undefined ? label : `${label}[${escapeName(key)}]`
    if (this.#taken.has(taken)) return undefined
    this.#taken.add(taken)
    if (key !== undefined) return { identity: this.path + taken, label: undefined }
    return { identity: this.path + this.#next(label, ''), label }
  }

  /** Lets the next operation of that name begin. */
  free(label: string | undefined): void {
    if (label !== undefined) this.#taken.delete(label)
  }

  /** Takes in something that is open. A scope is a member of its parent only while it has members. */
  enter(member: Member): void {
    if (this.#members.size === 0) this.#parent?.enter(this)
    this.#members.add(member)
  }

  leave(member: Member): void {
    this.#members.delete(member)
    if (this.#members.size === 0) this.#parent?.leave(this)
  }

  /** Ends all that is open in here; what is asked for later never settles. */
  drop(reason: DropReason): void {
    if (this.#dropped !== 'lost') this.#dropped = reason
    for (const member of [...this.#members]) member.drop(reason)
  }

  #next(label: string, row: string): string {
    const count = (this.#counts.get(label + row) ?? 0) + 1
    this.#counts.set(label + row, count)
    return `${label}#${count}`
  }
}

/** The scope of what undoes an operation. */
export function compensationPath(identity: string): string {
  return `compensate[${escapeName(identity)}]/`
}

/**
 * Keeps what a name says from looking like structure, and what a database does not give back as it was, a NUL or half of a
 * surrogate pair, from making a replay look changed.
 */
export function escapeName(name: string): string {
  return name.replace(/[%/#[\]*\p{Cc}\p{Cs}]/gu, (one) => `%${one.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
