/** Server-sent events, as the HTML standard has them: a body of text, and the events in it. */
import { malformedReply } from './failure.ts'

/** One event. `id` is the last that was given, which may be that of an earlier event. */
export interface ServerEvent {
  readonly name: string
  readonly data: string
  readonly id: string | undefined
}

/** Characters of one event: an output of a run is at most 1 MiB, and some more as JSON. */
const EVENT_CHARS_MAX = 8 * 1024 * 1024

/** The events of `body` as they come; it fails when `signal` ends it. An event that was cut off at the end is none. */
export async function* eventsOf(body: ReadableStream<Uint8Array>, signal?: AbortSignal): AsyncGenerator<ServerEvent> {
  let rest = ''
  let fields: Fields = NONE
  let id: string | undefined
  for await (const text of body.pipeThrough(new TextDecoderStream(), signal === undefined ? {} : { signal })) {
    // A line feed behind a carriage return may be in the next piece: the pair ends one line.
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line !== '') fields = withLine(fields, line)
      else {
        id = fields.id ?? id
        if (fields.data !== undefined) yield { name: fields.name ?? 'message', data: fields.data, id }
        fields = NONE
      }
    }
    if (rest.length + (fields.data?.length ?? 0) > EVENT_CHARS_MAX) throw malformedReply('an event that is too long')
  }
}

interface Fields {
  readonly name?: string
  readonly data?: string
  readonly id?: string
}

const NONE: Fields = {}

/** A line that begins with a colon is a comment; a field that nobody knows is none either. */
function withLine(fields: Fields, line: string): Fields {
  const colon = line.indexOf(':')
  const field = colon === -1 ? line : line.slice(0, colon)
  const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
  if (field === 'event') return { ...fields, name: value }
  if (field === 'id') return value.includes('\0') ? fields : { ...fields, id: value }
  if (field !== 'data') return fields
  return { ...fields, data: fields.data === undefined ? value : `${fields.data}\n${value}` }
}
