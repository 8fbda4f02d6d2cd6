/** Schedules of the server in memory: it keeps what it is told, and no clock fires them. */
import { TenaxError } from '@tenax/kernel'
import { parseBody, putScheduleBodySchema, type Run, type ScheduleDetail, scheduleSchema } from '@tenax/protocol'

/** A request below `/t/:id/schedules`. */
export interface FakeScheduleRequest {
  readonly method: string
  readonly tenantId: string
  /** What stands behind `/t/:id/`. */
  readonly path: readonly string[]
  readonly body: unknown
}

const AT = '2026-11-22T12:00:00.000Z'
const NEXT = '2026-11-23T02:30:00.000Z'

/** Schedules by tenant and id. */
export class FakeScheduleStore {
  readonly #schedules = new Map<string, ScheduleDetail>()

  /** The answer to `request`. */
  answer({ method, tenantId, path, body }: FakeScheduleRequest): Response {
    const [, named, verb] = path
    if (named === undefined) return Response.json({ schedules: this.#of(tenantId) })
    const id = decodeURIComponent(named)
    if (method === 'PUT') return this.#put(`${tenantId}/${id}`, id, body)
    const schedule = this.#schedules.get(`${tenantId}/${id}`)
    if (schedule === undefined) throw new TenaxError('schedule_not_found', `there is no schedule "${id}"`)
    if (verb === 'trigger') return Response.json(runOf(schedule), { status: 202 })
    if (method === 'DELETE') {
      this.#schedules.delete(`${tenantId}/${id}`)
      return Response.json({ id })
    }
    if (verb === undefined) return Response.json(schedule)
    const isPaused = verb === 'pause'
    const changed = { ...schedule, pausedAt: isPaused ? AT : null, nextAt: isPaused ? null : NEXT }
    this.#schedules.set(`${tenantId}/${id}`, changed)
    return Response.json(scheduleSchema.parse(changed))
  }

  #of(tenantId: string): unknown[] {
    const own = [...this.#schedules].filter(([key]) => key.startsWith(`${tenantId}/`))
    return own.map(([, schedule]) => scheduleSchema.parse(schedule))
  }

  #put(key: string, id: string, body: unknown): Response {
    const said = parseBody(putScheduleBodySchema, body)
    const { workflow, input = null, cron = null, timeZone = null, everyMs = null, overlap = 'skip' } = said
    const isNew = !this.#schedules.has(key)
    const schedule: ScheduleDetail = {
      ...{ id, workflow, input, cron, everyMs, overlap, catchUp: said.catchUp ?? 1, spreadMs: said.spreadMs ?? 0 },
      ...{ timeZone: cron === null ? null : (timeZone ?? 'UTC'), createdAt: AT, updatedAt: AT, pausedAt: null },
      ...{ blockedReason: null, nextAt: NEXT, dueAt: NEXT, lastAt: null, lastRun: null, skippedAt: null },
      ...{ missedAt: null, error: null },
    }
    this.#schedules.set(key, schedule)
    return Response.json(schedule, { status: isNew ? 201 : 200 })
  }
}

function runOf({ id, workflow }: ScheduleDetail): Run {
  return {
    ...{ id: `${id}:now:1`, workflow, version: null, status: 'queued', priority: 0, createdAt: AT, startAt: AT },
    ...{ startedAt: null, endedAt: null, cancelRequestedAt: null, pausedAt: null, blockedReason: null },
    ...{ parent: null, predecessor: null, successor: null, origin: null },
  }
}
