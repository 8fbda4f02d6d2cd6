/** `all`, `race` and `map`: nothing is recorded for them, they follow from the order of completions (WORKFLOWS 17). */
import { CancelledError, StepError } from '../errors.ts'
import { stepErrorOf, storedErrorOf } from './failures.ts'
import type { Machine } from './machine.ts'
import { type Pledge, pledgeOf, unawaited } from './pledge.ts'
import type { DropReason, Scope } from './scope.ts'

/** A branch as it is given: an operation, or a function that gets a context of its own. */
export type AnyBranch = PromiseLike<unknown> | ((ctx: never) => PromiseLike<unknown>)

/** Where a group is used. */
export interface Place {
  readonly machine: Machine
  readonly scope: Scope
  /** The context of a branch. */
  contextOf(scope: Scope): never
}

/** What `map` and `mapSettled` are told. */
export interface MapCall {
  readonly name: string
  readonly items: readonly unknown[]
  readonly keys: readonly string[]
  readonly concurrency: number
  readonly run: (ctx: never, item: unknown) => PromiseLike<unknown>
  /** True for `mapSettled`. */
  readonly isSettled: boolean
}

/** A branch that runs. */
interface Running {
  readonly key: string
  readonly promise: PromiseLike<unknown>
  drop(reason: DropReason): void
}

/** A group of branches and the promise for all of them. */
interface Group {
  readonly place: Place
  readonly scope: Scope
  readonly pledge: Pledge
  readonly running: Running[]
}

/** All results, in the shape of `branches`. The first failure drops the rest. */
export function all(place: Place, branches: readonly AnyBranch[] | Readonly<Record<string, AnyBranch>>): Pledge {
  const group = groupOf(place, 'all')
  const { pledge, running } = group
  const keys = Object.keys(branches)
  const results = new Map<string, unknown>()
  const finish = (): void => pledge.resolve(Array.isArray(branches) ? keys.map((key) => results.get(key)) : ordered())
  const ordered = (): unknown => Object.fromEntries(keys.map((key) => [key, results.get(key)]))
  for (const [key, branch] of Object.entries(branches)) running.push(start(group, key, branch))
  for (const { key, promise } of running) {
    promise.then(
      (value) => {
        results.set(key, value)
        if (results.size === keys.length) finish()
      },
      (error) => fail(group, error),
    )
  }
  if (keys.length === 0) finish()
  return pledge
}

/** The first branch to settle, whether it succeeds or fails. The others are dropped. */
export function race(place: Place, branches: Readonly<Record<string, AnyBranch>>): Pledge {
  if (Object.keys(branches).length === 0) {
    return place.machine.refuse('race', refusal('race', 'race_empty', 'a race needs a branch'))
  }
  const group = groupOf(place, 'race')
  const { pledge, running } = group
  for (const [key, branch] of contenders(branches)) running.push(start(group, key, branch))
  for (const one of running) {
    one.promise.then(
      (value) => decide(group, one, () => pledge.resolve({ key: one.key, value })),
      (error) => decide(group, one, () => pledge.reject(error)),
    )
  }
  return pledge
}

/** Runs a function for each item, some at a time, and gives the results in the order of the items. */
export function map(place: Place, call: MapCall): Pledge {
  const { name, items, keys } = call
  const twice = duplicateOf(keys)
  if (twice !== undefined) {
    return place.machine.refuse(name, refusal(name, 'duplicate_key', `two items have the key "${twice}"`))
  }
  const group = groupOf(place, name)
  const results: unknown[] = new Array(items.length)
  let begunCount = 0
  let doneCount = 0
  const begin = (index: number): void => {
    const one = start(group, String(keys[index]), (ctx: never) => call.run(ctx, items[index]))
    outcomeOf(one, call).then(
      (value) => {
        results[index] = value
        doneCount += 1
        go()
      },
      (error) => fail(group, error),
    )
  }
  const go = (): void => {
    while (group.pledge.isOpen && begunCount < Math.min(items.length, doneCount + call.concurrency)) {
      begunCount += 1
      begin(begunCount - 1)
    }
    if (doneCount === items.length) group.pledge.resolve(results)
  }
  go()
  return group.pledge
}

function groupOf(place: Place, name: string): Group {
  const scope = place.scope.group(name)
  const running: Running[] = []
  const drop = (reason: DropReason): void => place.machine.abandon([scope, ...running], reason)
  return { place, scope, running, pledge: place.machine.pledge(scope.path, drop) }
}

/**
 * The branches of a race, those that have settled before it in the order in which they did. If there is one, it has won: no
 * function is begun.
 */
function contenders(branches: Readonly<Record<string, AnyBranch>>): [key: string, branch: AnyBranch][] {
  const placeOf = (branch: AnyBranch): number => pledgeOf(branch)?.settledAs ?? Number.MAX_SAFE_INTEGER
  const sorted = Object.entries(branches).sort(([, a], [, b]) => placeOf(a) - placeOf(b))
  const [first] = sorted
  if (first === undefined || placeOf(first[1]) === Number.MAX_SAFE_INTEGER) return sorted
  return sorted.filter(([, branch]) => typeof branch !== 'function')
}

function decide({ place, pledge, running }: Group, winner: Running, settle: () => void): void {
  if (!pledge.isOpen) return
  settle()
  // The same operation may stand under two keys.
  const losers = running.filter(({ promise }) => promise !== winner.promise)
  place.machine.abandon(losers, 'lost')
}

function fail({ place, pledge, scope, running }: Group, error: unknown): void {
  if (!pledge.isOpen) return
  pledge.reject(error)
  place.machine.abandon([scope, ...running], 'ended')
}

function start({ place, scope }: Group, key: string, branch: AnyBranch): Running {
  if (typeof branch === 'function') {
    const inner = scope.branch(key)
    const promise = invoke(() => branch(place.contextOf(inner)))
    return { key, promise, drop: (reason) => inner.drop(reason) }
  }
  const hint = 'a branch is an operation of this run or a function: put other work into a step'
  const pledge = pledgeOf(branch) ?? place.machine.refuse(key, refusal(key, 'not_an_operation', hint))
  return { key, promise: pledge.op, drop: (reason) => pledge.drop(reason) }
}

/** A function's promise, which also fails when the function throws at once, and which nobody needs to await. */
export function invoke(run: () => PromiseLike<unknown>): Promise<unknown> {
  const promise = (async () => run())()
  promise.then(undefined, unawaited)
  return promise
}

/** What `mapSettled` makes of a branch. A cancellation is no outcome of an item. */
function outcomeOf({ key, promise }: Running, { name, isSettled }: MapCall): PromiseLike<unknown> {
  if (!isSettled) return promise
  return promise.then(
    (value) => ({ ok: true, value }),
    (error) => {
      if (error instanceof CancelledError) throw error
      return {
        ok: false,
        error: error instanceof StepError ? error : stepErrorOf(`${name}[${key}]`, storedErrorOf(error)),
      }
    },
  )
}

function duplicateOf(keys: readonly string[]): string | undefined {
  const seen = new Set<string>()
  return keys.find((key) => seen.size === seen.add(key).size)
}

function refusal(step: string, code: string, message: string): StepError {
  return new StepError({ step, code, message, attempts: 0 })
}
