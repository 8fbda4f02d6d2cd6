/** Jobs: how many run, wait and are kept; their keys, their room, their events and their end. */
import { isTenaxError, ManualClock, parseTenantId } from '@tenax/kernel'
import type { TransferProgress } from '@tenax/tenancy'
import { expect, test } from 'vitest'
import {
  JOB_DRAIN_MS,
  JOB_FILES_BYTES_MAX,
  JOB_KEPT_MS,
  JOBS_KEPT_MAX,
  JOBS_QUEUED_MAX,
  JOBS_RUNNING_MAX,
} from '../limits.ts'
import type { JobOutcome } from './job.ts'
import { JobFeed } from './job-feed.ts'
import { type JobRequest, Jobs } from './jobs.ts'

const tenant = parseTenantId('acme')

function start() {
  const clock = new ManualClock()
  const defects: unknown[] = []
  const watchers = new Set<(progress: TransferProgress) => void>()
  let count = 0
  const jobs = new Jobs({
    clock,
    randomId() {
      count += 1
      return String(count)
    },
    onDefect: (error) => defects.push(error),
    settled: async () => undefined,
    watch(_tenants, onProgress) {
      watchers.add(onProgress)
      return () => watchers.delete(onProgress)
    },
  })
  const begin = (work: () => Promise<JobOutcome>, more: Partial<JobRequest> = {}) =>
    jobs.begin({ verb: 'archive', tenant, watched: [tenant], work, ...more })
  const tell = (one: TransferProgress) => {
    for (const watcher of watchers) watcher(one)
  }
  return { clock, jobs, defects, begin, tell }
}

const done = async (): Promise<JobOutcome> => ({ result: {} })
const never = () => new Promise<JobOutcome>(() => undefined)
const macrotask = () => new Promise((resolve) => setImmediate(resolve))

function codeOf(work: () => unknown): string {
  try {
    work()
    return 'ok'
  } catch (error) {
    return isTenaxError(error) ? error.code : String(error)
  }
}

test('so many run, so many wait for them, and one more is overloaded', async () => {
  const { jobs, begin } = start()
  const first = Promise.withResolvers<JobOutcome>()
  begin(() => first.promise)
  for (let count = 1; count < JOBS_RUNNING_MAX; count += 1) begin(never)
  for (let count = 0; count < JOBS_QUEUED_MAX; count += 1) begin(never)
  expect(codeOf(() => begin(never))).toBe('overloaded')
  const states = () => jobs.list().map(({ state }) => state)
  expect(states().filter((state) => state === 'running')).toHaveLength(JOBS_RUNNING_MAX)
  first.resolve({ result: {} })
  await macrotask()
  expect(states().filter((state) => state === 'running')).toHaveLength(JOBS_RUNNING_MAX)
  expect(states().at(-1)).toBe('succeeded')
  expect(codeOf(() => begin(never))).toBe('ok')
})

test('an ended job is kept for its time, and no more than so many', async () => {
  const { jobs, begin, clock } = start()
  const { id } = begin(done).record
  await macrotask()
  clock.advance(JOB_KEPT_MS - 1)
  expect(jobs.get(id).record.state).toBe('succeeded')
  clock.advance(1)
  expect(codeOf(() => jobs.get(id))).toBe('job_not_found')
  for (let count = 0; count <= JOBS_KEPT_MAX; count += 1) {
    begin(done)
    await macrotask()
  }
  expect(jobs.list()).toHaveLength(JOBS_KEPT_MAX)
})

test('a failure is kept with the job; a defect is told, too', async () => {
  const { jobs, begin, defects } = start()
  const defect = new Error('a defect')
  const { id } = begin(() => Promise.reject(defect)).record
  await macrotask()
  expect(jobs.get(id).record).toMatchObject({ state: 'failed', error: defect })
  expect(defects).toEqual([defect])
})

test('the same key is the same job until that is forgotten, and no other request', async () => {
  const { jobs, begin } = start()
  const key = { key: 'k', request: 'archive acme' }
  const job = begin(done, { key })
  expect(jobs.known(key)).toBe(job)
  expect(codeOf(() => jobs.known({ key: 'k', request: 'delete acme' }))).toBe('idempotency_key_reused')
  await macrotask()
  await jobs.forget(job.record.id)
  expect(jobs.known(key)).toBeUndefined()
})

test('a job that goes on is not forgotten', async () => {
  const { jobs, begin } = start()
  const { id } = begin(never).record
  await expect(jobs.forget(id)).rejects.toMatchObject({ code: 'job_not_ended' })
})

test('files of jobs have so much room, which comes back once', async () => {
  const { jobs, begin } = start()
  const release = jobs.takeRoom(JOB_FILES_BYTES_MAX)
  expect(codeOf(() => jobs.takeRoom(1))).toBe('storage_full')
  const { id } = begin(async () => ({ result: {}, release })).record
  await macrotask()
  await jobs.forget(id)
  release()
  jobs.takeRoom(JOB_FILES_BYTES_MAX)
  expect(codeOf(() => jobs.takeRoom(1))).toBe('storage_full')
})

test('a feed tells what there is, then a few changes a second, and the end at once', async () => {
  const { begin, clock, tell } = start()
  const end = Promise.withResolvers<JobOutcome>()
  const job = begin(() => end.promise)
  const seen: unknown[] = []
  const following = (async () => {
    for await (const { state, progress } of new JobFeed(job, clock, 0)) seen.push([state, progress?.doneBytes])
  })()
  await macrotask()
  for (let doneBytes = 1; doneBytes <= 50; doneBytes += 1) {
    tell({ doneBytes, totalBytes: 50 })
    await macrotask()
  }
  expect(seen).toEqual([['running', undefined]])
  clock.advance(1_000)
  await macrotask()
  expect(seen.at(-1)).toEqual(['running', 50])
  end.resolve({ result: {} })
  await following
  expect(seen).toHaveLength(3)
  expect(seen.at(-1)).toEqual(['succeeded', 50])
})

test('a feed goes on behind what its reader has, and always has the end', async () => {
  const { begin, clock, tell } = start()
  const end = Promise.withResolvers<JobOutcome>()
  const job = begin(() => end.promise)
  const feed = new JobFeed(job, clock, job.record.version)[Symbol.asyncIterator]()
  const next = feed.next()
  await macrotask()
  tell({ doneBytes: 1, totalBytes: 2 })
  expect((await next).value).toMatchObject({ progress: { doneBytes: 1 } })
  end.resolve({ result: {} })
  await macrotask()
  const again = new JobFeed(job, clock, job.record.version)[Symbol.asyncIterator]()
  expect((await again.next()).value).toMatchObject({ state: 'succeeded' })
  expect((await again.next()).done).toBe(true)
})

test('a close fails what waits, abandons it, and does not wait for ever for what runs', async () => {
  const { jobs, begin, clock } = start()
  for (let count = 0; count < JOBS_RUNNING_MAX; count += 1) begin(never)
  let isAbandoned = false
  const abandon = async () => {
    isAbandoned = true
  }
  const { id } = begin(never, { abandon }).record
  const closing = jobs.close()
  await macrotask()
  expect(isAbandoned).toBe(true)
  expect(jobs.get(id).record.state).toBe('failed')
  expect(codeOf(() => begin(done))).toBe('unavailable')
  clock.advance(JOB_DRAIN_MS)
  await closing
})
