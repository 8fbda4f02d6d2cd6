/** What callers give, checked at the door. */
import { isKeptWhole, RUN_STATUSES, TenaxError } from '@tenax/kernel'
import { PAGE_COUNT, PAGE_COUNT_MAX } from './limits.ts'
import type { RunQuery, SendRequest, StartRequest } from './port.ts'

/** A segment of a path: `.` and `..` are none, so that nobody could ask for such a run. */
const RUN_ID = /^(?!\.\.?$)[A-Za-z0-9_.:-]{1,128}$/
const NAME_CHARS_MAX = 255

function invalid(message: string): TenaxError {
  return new TenaxError('argument_invalid', message)
}

/** Throws TenaxError `argument_invalid`. */
export function checkStart({ id, idempotencyKey, startAtMs, priority }: StartRequest): void {
  if (id !== undefined && !RUN_ID.test(id)) {
    throw invalid('a run id has 1 to 128 characters A-Z a-z 0-9 _ . : -, and is neither "." nor ".."')
  }
  checkText('an idempotency key', idempotencyKey)
  if (startAtMs !== undefined && !(Number.isSafeInteger(startAtMs) && startAtMs >= 0)) {
    throw invalid('startAtMs is a whole number of milliseconds since 1970')
  }
  if (priority !== undefined && !(Number.isInteger(priority) && Math.abs(priority) <= 100)) {
    throw invalid('a priority is a whole number from -100 to 100')
  }
}

/** Throws TenaxError `argument_invalid`. */
export function checkSend({ name, key, id }: SendRequest): void {
  if (typeof name !== 'string') throw invalid('an event has a name')
  checkText('the name of an event', name)
  checkText('the id of an event', id)
  if (key !== '') checkText('the key of an event', key)
}

function checkText(what: string, text: string | undefined): void {
  if (text === undefined) return
  if (typeof text !== 'string' || text === '' || text.length > NAME_CHARS_MAX) {
    throw invalid(`${what} has 1 to ${NAME_CHARS_MAX} characters`)
  }
  if (isKeptWhole(text)) return
  throw new TenaxError('argument_invalid', `${what} is well-formed text without NUL`, {
    hint: 'half of a surrogate pair would not come back as it was: cut texts between characters, or hash them',
  })
}

/** Where a page begins, and how long it is. Throws TenaxError `argument_invalid`, `cursor_invalid`. */
export function readQuery({ status, cursor, limit = PAGE_COUNT }: RunQuery): { beforeNumber: number; limit: number } {
  if (status !== undefined && !RUN_STATUSES.includes(status)) throw invalid(`there is no status "${String(status)}"`)
  if (!Number.isInteger(limit) || limit < 1 || limit > PAGE_COUNT_MAX) {
    throw invalid(`limit is a whole number from 1 to ${PAGE_COUNT_MAX}`)
  }
  if (cursor === undefined) return { beforeNumber: Number.MAX_SAFE_INTEGER, limit }
  if (!/^r[0-9]{1,15}$/.test(cursor)) throw new TenaxError('cursor_invalid', 'not a cursor of this list')
  return { beforeNumber: Number(cursor.slice(1)), limit }
}

/** The cursor behind a run. */
export function cursorOf(number: number | undefined): string | undefined {
  return number === undefined ? undefined : `r${number}`
}
