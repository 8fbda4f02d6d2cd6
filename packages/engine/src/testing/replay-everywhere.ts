/**
 * WORKFLOWS, test B, for a user's own workflow: once without a crash, then once for every commit with the engine crashed
 * before it and once behind it, each over a tenant of its own.
 */
import { AssertionError } from 'node:assert'
import type { Duration, Workflow } from '@tenax/workflow'
import type { AnyWorkflow } from '../port.ts'
import type { CrashPoint } from './engine-life.ts'
import { DIFFERENCES_SHOWN_MAX, REPLAY_COMMITS_MAX } from './limits.ts'
import type { Mock } from './step-calls.ts'
import { pictureOf, type TenantPicture } from './tenant-picture.ts'
import {
  openTenant,
  type TenantInMemory,
  type TestRun,
  type TestTenant,
  type TestTenantOptions,
} from './test-tenant.ts'

/** What {@link replayEverywhere} varies. */
export interface ReplayOptions<O> extends Omit<TestTenantOptions, 'workflows' | 'mocks'> {
  /** Others that are started, as children for example. */
  readonly workflows?: readonly AnyWorkflow[]
  /** Made anew for each life of the tenant, so that what mocks remember begins anew with it. A crash does not touch it. */
  readonly mocks?: () => Readonly<Record<string, Mock>>
  /** What happens to the run once it is started: events, time, a cancellation. */
  readonly during?: (tenant: TestTenant, run: TestRun<O>) => Promise<unknown>
  /** How long time goes on behind `during`: 366 days if unsaid. */
  readonly until?: Duration
}

/** What was tried. */
export interface ReplayReport {
  /** Commits of the engine without a crash. */
  readonly commits: number
  /** Crashes that were tried, one in each further life. */
  readonly crashes: number
}

/**
 * Runs `workflow` from its start to where it comes to, and again with a crash at every commit.
 *
 * @throws AssertionError when a crash changes what runs come to, the tenant's rows, what was emitted, or effects: those may
 * begin again, with the same idempotency key, unless they were recorded. It names the commit.
 * @example
 * await replayEverywhere(trial, { customer: 'ada' }, {
 *   sql: 'create table sub (id integer primary key, customer text)',
 *   mocks: () => ({ charge: () => ({ id: 'c1' }) }),
 *   during: (t) => t.send(upgraded, { plan: 'pro' }, { key: 'ada' }),
 * })
 */
export async function replayEverywhere<I, O>(
  workflow: Workflow<I, O>,
  input: I,
  options: ReplayOptions<O> = {},
): Promise<ReplayReport> {
  const uncrashed = await live({ workflow, input, options }, undefined)
  const { commits } = uncrashed
  if (commits > REPLAY_COMMITS_MAX) throw new Error(`${commits} commits; at most ${REPLAY_COMMITS_MAX} are crashed`)
  for (let commit = 1; commit <= commits; commit += 1) {
    for (const when of ['before', 'after'] as const) {
      const crash = { commit, when }
      const about = `a crash ${when} commit ${commit} of ${commits}`
      compare(await live({ workflow, input, options }, crash), uncrashed, about)
    }
  }
  return { commits, crashes: 2 * commits }
}

interface Life {
  readonly commits: number
  readonly picture: TenantPicture
  readonly repeated: readonly string[]
}

interface Scenario<I, O> {
  readonly workflow: Workflow<I, O>
  readonly input: I
  readonly options: ReplayOptions<O>
}

async function live<I, O>({ workflow, input, options }: Scenario<I, O>, crash: CrashPoint | undefined): Promise<Life> {
  const { mocks, during, until = '366d', workflows = [], ...rest } = options
  const all = { ...rest, workflows: [workflow, ...workflows], ...(mocks === undefined ? {} : { mocks: mocks() }) }
  const tenant: TenantInMemory = await openTenant(all, crash)
  try {
    const run = await tenant.start(workflow, input)
    await during?.(tenant, run)
    await tenant.advance(until)
    const { commitCount: commits, calls } = tenant.tenant
    return { commits, picture: await pictureOf(tenant), repeated: calls.repeated }
  } finally {
    await tenant.close()
  }
}

function compare(life: Life, { picture }: Life, about: string): void {
  const [repeated] = life.repeated
  if (repeated !== undefined) throw new AssertionError({ message: `${about} runs a recorded step again: ${repeated}` })
  for (const [what, expected] of Object.entries(picture)) {
    const actual = life.picture[what as keyof TenantPicture]
    const missing = expected.filter((line) => !actual.includes(line))
    const added = actual.filter((line) => !expected.includes(line))
    if (missing.length + added.length === 0 && actual.length === expected.length) continue
    const message = [`${about} changes the ${what}`, ...shown('without it', missing), ...shown('with it', added)]
    throw new AssertionError({ message: message.join('\n  '), actual, expected, operator: 'replayEverywhere' })
  }
}

function shown(label: string, lines: readonly string[]): string[] {
  return lines.slice(0, DIFFERENCES_SHOWN_MAX).map((line) => `${label}: ${line}`)
}
