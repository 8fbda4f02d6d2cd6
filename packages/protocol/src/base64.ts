/**
 * Base64 of blobs. `Buffer` is touched only inside the two functions, so a web page may load this package's schemas.
 */

/** Why {@link decodeBase64} said no. */
export const BASE64_REFUSAL = 'malformed base64'

/** The bytes in a base64 text (RFC 4648 standard alphabet, padded or not); undefined when it is malformed. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const decoded = Buffer.from(text, 'base64')
  // Buffer skips what it does not understand. A text is base64 exactly when its bytes encode to it again.
  const canonical = decoded.toString('base64')
  if (text !== canonical && text !== withoutPadding(canonical)) return undefined
  // A copy: small buffers share one pool, which must not travel on inside a value.
  return new Uint8Array(decoded)
}

/** The padded base64 text of `bytes`. */
export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

/** The base64 text of `bytes` without its final `=`. */
export function encodeBase64Unpadded(bytes: Uint8Array): string {
  return withoutPadding(encodeBase64(bytes))
}

function withoutPadding(text: string): string {
  if (text.endsWith('==')) return text.slice(0, -2)
  return text.endsWith('=') ? text.slice(0, -1) : text
}
