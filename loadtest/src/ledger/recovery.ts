/** How long a start takes after a kill, by the length of what the ledger holds beyond the checkpoints. */
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { forEachRecord, fsSegmentFiles, PAGE_BYTES, SEGMENT_BYTES_MAX } from '@tenax/ledger'
import { scratchDirectory } from '../bench/fixture.ts'
import { childEnvironment } from '../settings.ts'

/** What a mortal writes before it dies. */
export interface TailPlan {
  readonly tenantCount: number
  /** Commits of all tenants together. */
  readonly commitCount: number
  /** `small`: three pages, much the same ones each time. `large`: pages of their own for every commit. */
  readonly kind: 'small' | 'large'
}

/** What the tail was, and what the next start did with it. */
export interface RecoveryFigures {
  readonly kind: TailPlan['kind']
  readonly tailBytes: number
  /** Images of pages in the tail. */
  readonly pageBytes: number
  readonly entryCount: number
  /** From the beginning of the start to the moment when requests are served. */
  readonly startMs: number
  /** A start on the same directory with nothing to recover. */
  readonly emptyStartMs: number
  /** Until every tenant has answered one query. */
  readonly allServedMs: number
}

/** What the child says of a start. */
interface StartTimes {
  readonly startMs: number
  readonly allServedMs: number
}

/** Lets a child write and die, reads its ledger, and lets other children start. */
export async function measureRecovery(plan: TailPlan): Promise<RecoveryFigures> {
  using scratch = scratchDirectory()
  const dataPath = join(scratch.path, 'data')
  await runChild('write', dataPath, plan).then(
    () => Promise.reject(new Error('the child did not die')),
    (error: unknown) => {
      if (!(error instanceof Error && 'signal' in error && error.signal === 'SIGKILL')) throw error
    },
  )
  const tail = await measureTail(join(dataPath, 'ledgers'))
  const { startMs, allServedMs } = parseTimes((await runChild('start', dataPath, plan)).stdout)
  const empty = parseTimes((await runChild('start', dataPath, plan)).stdout)
  return { kind: plan.kind, ...tail, startMs, allServedMs, emptyStartMs: empty.startMs }
}

function runChild(verb: 'write' | 'start', dataPath: string, plan: TailPlan) {
  const path = fileURLToPath(new URL('./recovery-child.ts', import.meta.url))
  return promisify(execFile)(process.execPath, [path, verb, dataPath, JSON.stringify(plan)], {
    env: childEnvironment(),
  })
}

function parseTimes(text: string): StartTimes {
  const value: unknown = JSON.parse(text)
  if (isStartTimes(value)) return value
  throw new Error(`the child printed ${text}`)
}

function isStartTimes(value: unknown): value is StartTimes {
  return typeof value === 'object' && value !== null && 'startMs' in value && 'allServedMs' in value
}

async function measureTail(ledgers: string) {
  const name = readdirSync(ledgers).find((entry) => entry.startsWith('0'))
  if (name === undefined) throw new Error('the child has left a ledger')
  let pageBytes = 0
  let entryCount = 0
  const end = await forEachRecord({ directory: join(ledgers, name), files: fsSegmentFiles }, ({ record }) => {
    if (record.kind !== 'entry') return
    entryCount += 1
    pageBytes += record.pages.length * PAGE_BYTES
  })
  if (end.firstNeeded > 0) throw new Error('the ledger was trimmed: fewer commits fit the measurement')
  return { tailBytes: end.place.segmentId * SEGMENT_BYTES_MAX + end.place.offset, pageBytes, entryCount }
}
