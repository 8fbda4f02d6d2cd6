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
