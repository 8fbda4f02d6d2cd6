/** Jobs of the fake server: each has ended when it is begun, and tells of its way all the same. */
import { TenaxError } from '@tenax/kernel'
import { type JobResource, jobSchema, toProblem } from '@tenax/protocol'

const AT = '2026-11-22T12:00:00.000Z'

/** What tests do with the fake's jobs. */
export interface FakeJobs {
  /** The next stream of events is cut off behind so many. */
  cutNext(eventCount: number): void
}

/** The jobs of one fake server. */
export class FakeJobStore implements FakeJobs {
  readonly #jobs = new Map<string, { readonly job: JobResource; readonly file: Uint8Array<ArrayBuffer> | undefined }>()
  #cutBehind: number | undefined

  cutNext(eventCount: number): void {
    this.#cutBehind = eventCount
  }

  /** Does the verb, and answers with the job of it. An export's answer is its file. */
  async begin(verb: string, tenant: string, work: () => Response): Promise<Response> {
    const id = `job${this.#jobs.size + 1}`
    let [result, error, file]: [unknown, unknown, Uint8Array<ArrayBuffer> | undefined] = [null, null, undefined]
    try {
      const response = work()
      if (verb === 'export') file = new Uint8Array(await response.arrayBuffer())
      result = file === undefined ? await response.json() : { id: tenant, bytes: file.byteLength }
    } catch (thrown) {
      error = toProblem(thrown).body
    }
    const state = error === null ? 'succeeded' : 'failed'
    const times = { createdAt: AT, startedAt: AT, endedAt: AT, expiresAt: AT }
    const progress = { done: 200, total: 200, unit: 'bytes' }
    const job = jobSchema.parse({ id, verb, tenant, state, progress, result, error, ...times })
    this.#jobs.set(id, { job, file })
    return Response.json(job, { status: 202, headers: { location: `/v1/jobs/${id}` } })
  }

  /** `/v1/jobs` and what is below it. */
  answer(request: Pick<Request, 'method' | 'headers'>, [id, part]: readonly string[]): Response {
    if (id === undefined) return Response.json({ jobs: [...this.#jobs.values()].map(({ job }) => job).reverse() })
    const known = this.#jobs.get(id)
    if (known === undefined) throw new TenaxError('job_not_found', `there is no job "${id}"`)
    if (request.method === 'DELETE') {
      this.#jobs.delete(id)
      return new Response(null, { status: 204 })
    }
    if (part === 'events') return this.#stream(known.job, Number(request.headers.get('last-event-id') ?? ''))
    if (part === undefined) return Response.json(known.job)
    if (known.file === undefined) throw new TenaxError('job_result_none', `job "${id}" has no file`)
    return new Response(known.file, { headers: { 'content-length': String(known.file.byteLength) } })
  }

  #stream(job: JobResource, lastId: number): Response {
    const running = { state: 'running', result: null, error: null, endedAt: null, expiresAt: null } as const
    const at = (done: number) => ({ ...job, ...running, progress: { done, total: 200, unit: 'bytes' as const } })
    const all = [at(20), at(90), at(150), at(200), job]
    const events = all
      .map((one, index) => ({ name: one === job ? 'end' : 'progress', id: index + 1, one }))
      .filter(({ id, name }) => id > lastId || name === 'end')
      .slice(0, this.#cutBehind)
    this.#cutBehind = undefined
    const text = events.map(({ name, id, one }) => `event: ${name}\nid: ${id}\ndata: ${JSON.stringify(one)}\n\n`)
    return new Response(text.join(''), { headers: { 'content-type': 'text/event-stream' } })
  }
}
