/** Texts that name something, and so must come back as they were given. */

/**
 * True for a text that SQLite and UTF-8 give back as it was: without NUL, and without half of a surrogate pair, of which all
 * would become the same U+FFFD.
 *
 * @example
 * isKeptWhole('a\ud800') // false
 */
export function isKeptWhole(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}

/**
 * The text with U+FFFD for whatever would not come back, so that it is the same before and behind a database.
 *
 * @example
 * keptText('a\0b') // 'a\ufffdb'
 */
export function keptText(text: string): string {
  return isKeptWhole(text) ? text : text.toWellFormed().replaceAll('\0', '\ufffd')
}
