/** Long verbs as jobs: `/v1/jobs`. */
import { isTenaxError, parseTenantId, TenaxError } from '@tenax/kernel'
import { DROPPED_EVENT, type JobList, type JobResource, jobListSchema, jobSchema } from '@tenax/protocol'
import { type Call, type Connection, callJson, send } from './connection.ts'
import { type Download, downloadOf } from './download.ts'
import { eventsOf, type ServerEvent } from './event-stream.ts'
import { malformedReply, networkFailure, parseJson, problemFailure } from './failure.ts'
import { reconnecting } from './reconnecting.ts'
import { droppedFor } from './run-outputs.ts'
import { type ImportBody, importCall } from './tenant-admin.ts'

/** What is to be done as a job. */
export type JobRequest =
  | { readonly verb: 'archive' | 'hydrate' | 'export' | 'delete'; readonly tenant: string }
  | { readonly verb: 'fork'; readonly tenant: string; readonly to: string; readonly manifest?: number | undefined }
  | { readonly verb: 'restore'; readonly tenant: string; readonly manifest: number }
  | { readonly verb: 'import'; readonly tenant: string; readonly body: ImportBody; readonly bytes?: number | undefined }

/** Options of {@link JobAdmin.start}. */
export interface StartJobOptions {
  /** Makes the request safe to send again: the same key is the same job. */
  readonly idempotencyKey?: string | undefined
}

/** Options of {@link JobAdmin.events}. */
export interface JobEventsOptions {
  /** Ends it: the loop is left without an error. */
  readonly signal?: AbortSignal | undefined
  /** First wait before a connection that was cut off is made again, in milliseconds; it doubles. Default 250. */
  readonly retryMs?: number | undefined
}

/** Options of {@link JobAdmin.wait}. */
export interface WaitForJobOptions extends JobEventsOptions {
  /** Told of each change, a few times a second at most. */
  readonly onChange?: ((job: JobResource) => void) | undefined
}

/**
 * Long verbs that go on while nobody waits. Every method rejects with a TenaxError: `job_not_found` for a job that the server has
 * forgotten, which it does when it starts; then the verb may be sent again.
 */
export interface JobAdmin {
  /** Begins one. Fails with what is wrong with the request, `overloaded` when too many wait. */
  start(request: JobRequest, options?: StartJobOptions): Promise<JobResource>
  get(id: string): Promise<JobResource>
  /** Newest first. */
  list(): Promise<JobList>
  /** The job as it changes, and last as it has ended. */
  events(id: string, options?: JobEventsOptions): AsyncIterableIterator<JobResource>
  /** The job when it has succeeded. Rejects with what it has failed with, and with `unavailable` when `signal` ends the wait. */
  wait(id: string, options?: WaitForJobOptions): Promise<JobResource>
  /** The file of an export that has succeeded. */
  result(id: string): Promise<Download>
  /** Forgets a job that has ended, and its file. Fails with `job_not_ended`. */
  forget(id: string): Promise<void>
}

const JOBS_PATH = 'v1/jobs'

/** Jobs over `connection`; nothing is sent. */
export function jobAdmin(connection: Connection): JobAdmin {
  return {
    start: async (request, { idempotencyKey } = {}) => {
      const { headers, ...call } = callOf(request)
      const key: Record<string, string> = idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }
      return callJson(connection, { ...call, query: { job: 'true' }, headers: { ...headers, ...key } }, jobSchema)
    },
    get: async (id) => callJson(connection, { method: 'GET', path: pathOf(id) }, jobSchema),
    list: async () => callJson(connection, { method: 'GET', path: JOBS_PATH }, jobListSchema),
    events: (id, options = {}) => followJob(connection, id, options),
    wait: (id, options = {}) => waitForJob(connection, id, options),
    result: async (id) =>
      downloadOf(await send(connection, { method: 'GET', path: `${pathOf(id)}/result` }), connection.origin),
    forget: async (id) => void (await send(connection, { method: 'DELETE', path: pathOf(id) })),
  }
}

function callOf(request: JobRequest): Call {
  const path = `v1/tenants/${parseTenantId(request.tenant)}`
  switch (request.verb) {
    case 'delete':
      return { method: 'DELETE', path }
    case 'fork':
      return {
        method: 'POST',
        path: `${path}/fork`,
        json: { id: parseTenantId(request.to), manifest: request.manifest },
      }
    case 'restore':
      return { method: 'POST', path: `${path}/restore`, json: { manifest: request.manifest } }
    case 'import':
      return importCall(request.tenant, request.body, request.bytes)
    case 'archive':
    case 'hydrate':
    case 'export':
      return { method: 'POST', path: `${path}/${request.verb}` }
  }
}

/** Throws TenaxError `job_not_found` for what can be no id. */
function pathOf(id: string): string {
  if (/^[a-z0-9]{1,64}$/.test(id)) return `${JOBS_PATH}/${id}`
  throw new TenaxError('job_not_found', 'this is not the id of a job')
}

interface JobEvent {
  readonly id: string
  readonly isEnd: boolean
  readonly job: JobResource
}

async function* followJob(
  connection: Connection,
  id: string,
  { signal, retryMs }: JobEventsOptions,
): AsyncGenerator<JobResource> {
  let lastId = ''
  const path = `${pathOf(id)}/events`
  const connect = () => connected(connection, { path, lastId, signal })
  const isLast = ({ isEnd }: JobEvent) => isEnd
  for await (const event of reconnecting({ connect, isLast, origin: connection.origin, signal, retryMs })) {
    lastId = event.id
    yield event.job
  }
}

async function* connected(
  connection: Connection,
  {
    path,
    lastId,
    signal,
  }: { readonly path: string; readonly lastId: string; readonly signal: AbortSignal | undefined },
): AsyncGenerator<JobEvent> {
  const headers = { accept: 'text/event-stream, application/problem+json', 'last-event-id': lastId }
  const { body } = await send(connection, { method: 'GET', path, headers, signal })
  if (body === null) throw malformedReply(`GET ${path}`)
  try {
    for await (const event of eventsOf(body, signal)) yield parsed(event)
  } catch (error) {
    throw isTenaxError(error) ? error : networkFailure(connection.origin, error)
  }
}

function parsed({ name, id = '', data }: ServerEvent): JobEvent {
  const json = parseJson(data)
  if (name === DROPPED_EVENT) throw droppedFor(json)
  const job = jobSchema.safeParse(json)
  if (!job.success) throw malformedReply(`an event "${name}"`, job.error)
  return { id, isEnd: name === 'end', job: job.data }
}

async function waitForJob(
  connection: Connection,
  id: string,
  { onChange, ...options }: WaitForJobOptions,
): Promise<JobResource> {
  let last: JobResource | undefined
  for await (const job of followJob(connection, id, options)) {
    last = job
    onChange?.(job)
  }
  if (last?.state === 'succeeded') return last
  if (last?.error) throw problemFailure(last.error, last.error.status)
  throw new TenaxError('unavailable', 'the wait for the job was ended before it was', { hint: 'the job goes on' })
}
