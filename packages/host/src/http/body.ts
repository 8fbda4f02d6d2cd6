/** JSON bodies, read with a limit. */
import { TenaxError } from '@tenax/kernel'
import { JSON_BODY_BYTES_MAX } from '../limits.ts'
import type { AppContext } from './environment.ts'

/** The JSON value in the body. Throws TenaxError `body_too_large`, `body_invalid`. */
export async function readJson(context: AppContext): Promise<unknown> {
  const declared = Number(context.req.header('content-length') ?? Number.NaN)
  if (declared > JSON_BODY_BYTES_MAX) throw tooLarge()
  const text = Number.isNaN(declared) ? await readBounded(context) : await context.req.text().catch(brokeOff)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new TenaxError('body_invalid', 'the body is not JSON', { cause: error })
  }
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
