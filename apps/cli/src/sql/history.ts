/** What was typed into the shell, kept from one time to the next. It may hold secrets: only its owner can read it. */
import { readFileSync, writeFileSync } from 'node:fs'

/** Lines that are kept. */
export const HISTORY_LINES_MAX = 1000

/** The lines in the file at `path`, newest first; none when there is no such file. */
export function readHistory(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .slice(-HISTORY_LINES_MAX)
      .reverse()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

/** Keeps `lines`, newest first. */
export function writeHistory(path: string, lines: readonly string[]): void {
  const oldestFirst = lines.slice(0, HISTORY_LINES_MAX).toReversed()
  writeFileSync(path, oldestFirst.map((line) => `${line}\n`).join(''), { mode: 0o600 })
}
