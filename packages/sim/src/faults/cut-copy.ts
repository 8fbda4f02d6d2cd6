/**
 * A copy of a directory as of one moment, while threads of this process create, rename and remove files in it: whoever takes
 * one synchronously stops JavaScript, but not what the thread pool has begun.
 */
import { cpSync, readdirSync, rmSync } from 'node:fs'

/** Each try takes milliseconds, and a thread has only what was begun before: more would be somebody else at work. */
const TRIES_MAX = 50

/** Copies `from` to `to`, which must not be there. Between two equal lists of names nothing came and nothing went. */
export function cutCopy(from: string, to: string): void {
  for (let left = TRIES_MAX; ; left -= 1) {
    const before = namesIn(from)
    try {
      cpSync(from, to, { recursive: true })
      if (namesIn(from) === before) return
      if (left === 0) throw new Error(`the names in ${from} do not stand still`)
    } catch (error) {
      if (left === 0) throw error
    }
    rmSync(to, { recursive: true, force: true })
  }
}

function namesIn(path: string): string {
  return readdirSync(path, { recursive: true }).sort().join('\n')
}
