/** JSON bodies, read with a limit. */
import { SQL_ARGS_MAX, TenaxError } from '@tenax/kernel'
import { BATCH_STEPS_MAX, PIPELINE_REQUESTS_MAX } from '@tenax/protocol'
import { JSON_BODY_BYTES_MAX } from '../limits.ts'
import type { AppContext, HostParts } from './environment.ts'

/**
 * The JSON value in the body. While it arrives it counts against what all bodies together may take.
 *
 * @throws TenaxError `body_too_large`, `body_invalid`, `overloaded`
 */
export async function readJson(parts: Pick<HostParts, 'bodies'>, context: AppContext): Promise<unknown> {
  return parseJson(await readText(parts, context))
}

/** As {@link readJson}; `empty` where there is no body. */
export async function readJsonOr<T>(
  parts: Pick<HostParts, 'bodies'>,
  context: AppContext,
  empty: T,
): Promise<unknown | T> {
  const text = await readText(parts, context)
  return text === '' ? empty : parseJson(text)
}

async function readText({ bodies }: Pick<HostParts, 'bodies'>, context: AppContext): Promise<string> {
  const declaredBytes = declaredBytesOf(context)
  const bytes = declaredBytes ?? JSON_BODY_BYTES_MAX
  if (bytes > JSON_BODY_BYTES_MAX) throw tooLarge()
  if (bytes > bodies.bytesLeft)
    throw new TenaxError('overloaded', 'too many large bodies are being read', { hint: 'retry' })
  bodies.bytesLeft -= bytes
  try {
    return declaredBytes === undefined ? await readBounded(context) : await context.req.text().catch(brokeOff)
  } finally {
    bodies.bytesLeft += bytes
  }
}

/** The length that the request declares, if that is a length: a server checks the header, an embedder's code may not. */
function declaredBytesOf(context: AppContext): number | undefined {
  const text = context.req.header('content-length') ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new TenaxError('body_invalid', 'the body is not JSON', { cause: error })
  }
}

/** Counts what a body lists before a schema looks at each piece of it: a million wrong pieces take seconds. */
export function refuseTooMany(body: unknown): unknown {
  const counted: [string, unknown, number][] = [
    ['args', memberOf(body, 'args'), SQL_ARGS_MAX],
    ['requests', memberOf(body, 'requests'), PIPELINE_REQUESTS_MAX],
    ['steps', memberOf(memberOf(body, 'batch'), 'steps'), BATCH_STEPS_MAX],
  ]
  for (const [name, list, max] of counted) {
    const count = Array.isArray(list)
      ? list.length
      : typeof list === 'object' && list !== null
        ? Object.keys(list).length
        : 0
    if (count > max) {
      throw new TenaxError('body_invalid', `${name} has more than ${max} members`)
    }
  }
  return body
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

/** A body without a declared length is read piece by piece, so that the limit holds for it too. */
async function readBounded(context: AppContext): Promise<string> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of bytesOf(context)) {
    bytes += piece.byteLength
    if (bytes > JSON_BODY_BYTES_MAX) throw tooLarge()
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}

/** The body as it arrives. Throws TenaxError `body_invalid` when it breaks off. */
export async function* bytesOf(context: AppContext): AsyncGenerator<Uint8Array, void, void> {
  const reader = context.req.raw.body?.getReader()
  if (reader === undefined) return
  try {
    for (;;) {
      const piece = await reader.read().catch(brokeOff)
      if (piece.done) return
      yield piece.value
    }
  } finally {
    await reader.cancel().catch(() => undefined) // a body that broke off says so again, and has been answered
  }
}

/** A client that goes away in the middle is no failure of the host. */
function brokeOff(cause: unknown): never {
  throw new TenaxError('body_invalid', 'the body broke off', { cause, hint: 'send the whole request again' })
}

function tooLarge(): TenaxError {
  return new TenaxError('body_too_large', `the body is larger than ${JSON_BODY_BYTES_MAX} bytes`, {
    hint: 'send fewer rows at a time, or import a file',
    details: { bytesMax: JSON_BODY_BYTES_MAX },
  })
}
