/**
 * A history that comes back from outside, checked at the door: a replay asserts what it is given, and whoever edits or cuts a
 * document is told the member that is wrong.
 */
import { TenaxError } from '@tenax/kernel'
import type { RecordedOperation } from '@tenax/workflow/core'
import { HISTORY_FORMAT, HISTORY_VERSION, type RunHistory } from './run-history.ts'

/** What is wrong with a value that stands at a place of the document; undefined when nothing is. */
type Check = (value: unknown, place: string) => string | undefined

/**
 * The history in a document.
 *
 * @throws TenaxError `argument_invalid`, which names the member; `data_format_newer` when a newer Tenax has written it
 */
export function parseHistory(document: unknown): RunHistory {
  if (typeof document === 'string') throw notOne('it is a text: give what JSON.parse makes of it')
  if (!isObject(document)) throw notOne('it is no object')
  const { format, version }: Partial<Record<keyof RunHistory, unknown>> = document
  if (format !== HISTORY_FORMAT) throw notOne(`its format is ${shown(format)}, not "${HISTORY_FORMAT}"`)
  if (typeof version === 'number' && version > HISTORY_VERSION) {
    throw new TenaxError(
      'data_format_newer',
      `the history has version ${version}; this Tenax knows ${HISTORY_VERSION}`,
      {
        hint: 'use a newer Tenax',
      },
    )
  }
  if (version !== HISTORY_VERSION) throw notOne(`its version is ${shown(version)}, not the number ${HISTORY_VERSION}`)
  const wrong = checkDocument(document, '')
  if (wrong !== undefined) throw notOne(wrong)
  const history = document as RunHistory
  const misplaced = wrongNumber(history.operations)
  if (misplaced !== undefined) throw notOne(misplaced)
  return history
}

const text: Check = (value, place) => (typeof value === 'string' ? undefined : `${place} is no text`)
const flag: Check = (value, place) => (typeof value === 'boolean' ? undefined : `${place} is neither true nor false`)
const count: Check = (value, place) =>
  Number.isSafeInteger(value) && Number(value) >= 0 ? undefined : `${place} is no whole number of at least 0`

const json: Check = (value, place) => {
  try {
    if (typeof value === 'string') JSON.parse(value)
    return text(value, place)
  } catch {
    return `${place} is no JSON text`
  }
}

const operation = members({
  identity: text,
  kind: text,
  hash: text,
  isDropped: flag,
  isUndone: optional(flag),
  performedBy: optional(text),
  completion: optional(members({ number: count, atMs: count, outcome })),
})

const checkDocument = members({
  tenant: text,
  run: members({
    id: text,
    workflow: text,
    seed: text,
    startedAtMs: count,
    inputJson: optional(json),
    predecessor: optional(text),
    origin: optional(text),
    isCancelRequested: flag,
    cancelledAfter: optional(count),
    outputCount: count,
    patches: (value, place) =>
      isObject(value) ? first(value, (one, id) => flag(one, `${place}.${id}`)) : `${place} is no object`,
    skipped: list(text),
  }),
  operations: list(operation),
})

function outcome(value: unknown, place: string): string | undefined {
  switch (isObject(value) && 'type' in value ? value.type : undefined) {
    case 'ok':
      return members({ json: optional(json) })(value, place)
    case 'error':
      return members({ error: members({ code: text, message: text, attempts: count, data: optional(json) }) })(
        value,
        place,
      )
    case 'cancelled':
      return undefined
    default:
      return `${place}.type is none of "ok", "error" and "cancelled"`
  }
}

function members(checks: Readonly<Record<string, Check>>): Check {
  return (value, place) => {
    if (!isObject(value)) return `${place} is no object`
    const found = value as Readonly<Record<string, unknown>>
    return first(checks, (check, name) => (check as Check)(found[name], place === '' ? name : `${place}.${name}`))
  }
}

function list(check: Check): Check {
  return (value, place) => {
    if (!Array.isArray(value)) return `${place} is no list`
    return first(value, (one, index) => check(one, `${place}[${index}]`))
  }
}

function optional(check: Check): Check {
  return (value, place) => (value === undefined ? undefined : check(value, place))
}

/** The first thing that is wrong with one of the members of `object`. */
function first(object: object, check: (value: unknown, name: string) => string | undefined): string | undefined {
  for (const [name, value] of Object.entries(object)) {
    const wrong = check(value, name)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

/** Operations, and completions among them, are numbered from 1 on without gaps. */
function wrongNumber(operations: readonly RecordedOperation[]): string | undefined {
  const places = new Map<number, number>()
  for (const [index, { seq, completion }] of operations.entries()) {
    if (seq !== index + 1) return `operations[${index}].seq is not ${index + 1}: it is the place in the list`
    if (completion === undefined) continue
    if (places.has(completion.number)) {
      return `operations[${index}].completion.number is ${completion.number} too: each has a place of its own, from 1 on`
    }
    places.set(completion.number, index)
  }
  for (let number = 1; number <= places.size; number += 1) {
    if (!places.has(number)) return `no operation has completion.number ${number}`
  }
  return undefined
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function shown(value: unknown): string {
  return JSON.stringify(value) ?? String(value)
}

function notOne(why: string): TenaxError {
  return new TenaxError('argument_invalid', `this is not the history of a run: ${why}`, {
    hint: 'give what `tenax/testing` or the host has exported, whole',
  })
}
