/** What is said about a schedule, checked at the door. */
import { TenaxError } from '@tenax/kernel'
import { CATCH_UP_MAX, INTERVAL_MS_MAX } from '../limits.ts'
import type { ScheduleSaid } from '../store/schedules.ts'
import { payloadOf } from '../stored-error.ts'
import { OVERLAPS, type ScheduleRequest } from './port.ts'

/** A segment of a path, short enough for the ids of its runs to hold it and a time. */
const SCHEDULE_ID = /^(?!\.\.?$)[A-Za-z0-9_.:-]{1,100}$/

function invalid(message: string): TenaxError {
  return new TenaxError('argument_invalid', message)
}

/** Throws TenaxError `argument_invalid`. */
export function checkScheduleId(id: string): void {
  if (SCHEDULE_ID.test(id)) return
  throw invalid('a schedule id has 1 to 100 characters A-Z a-z 0-9 _ . : -, and is neither "." nor ".."')
}

/** A request with its defaults. Throws TenaxError `argument_invalid`, `payload_too_large`. */
export function readSchedule(request: ScheduleRequest): ScheduleSaid {
  const { workflow, input, cron, timeZone, everyMs, overlap = 'skip', catchUp = 1, spreadMs = 0 } = request
  if ((cron === undefined) === (everyMs === undefined)) throw invalid('a schedule has a cron expression or an interval')
  if (cron === undefined && timeZone !== undefined) throw invalid('a time zone goes with a cron expression')
  if (!OVERLAPS.includes(overlap)) throw invalid(`overlap is one of ${OVERLAPS.join(', ')}`)
  if (!Number.isInteger(catchUp) || catchUp < 0 || catchUp > CATCH_UP_MAX) {
    throw invalid(`catchUp is a whole number from 0 to ${CATCH_UP_MAX}`)
  }
  if (catchUp > 1 && overlap === 'skip') throw besideEachOther()
  checkLength('an interval', everyMs)
  checkLength('a spread', spreadMs)
  const inputJson = payloadOf(input, 'input')
  const zone = cron === undefined ? undefined : (timeZone ?? 'UTC')
  return { workflow, inputJson, cron, timeZone: zone, everyMs, overlap, catchUp, spreadMs }
}

/** Missed times are made up for at once: all but one of them would be skipped, and nobody would know which was meant. */
function besideEachOther(): TenaxError {
  return new TenaxError('argument_invalid', 'a catchUp above 1 needs runs that may overlap', {
    hint: "say overlap 'allow'; for one after another, give the workflow a concurrency of 1 that holds 'run'",
  })
}

function checkLength(what: string, ms: number | undefined): void {
  if (ms === undefined || (Number.isInteger(ms) && ms >= 0 && ms <= INTERVAL_MS_MAX)) return
  throw invalid(`${what} is a whole number of milliseconds, at most ${INTERVAL_MS_MAX}`)
}
