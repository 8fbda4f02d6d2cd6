/** What this process has open below a directory, read from /proc. */
import { readdirSync, readlinkSync } from 'node:fs'

const DESCRIPTORS = '/proc/self/fd'

/** How many descriptors of this process lie below `path`, deleted files included. */
export function descriptorsBelow(path: string): number {
  return readdirSync(DESCRIPTORS).filter((name) => targetOf(name).startsWith(path)).length
}

function targetOf(name: string): string {
  try {
    return readlinkSync(`${DESCRIPTORS}/${name}`)
  } catch {
    return '' // the descriptor of the listing itself, closed by now
  }
}
