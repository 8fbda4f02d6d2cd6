/** What a closed tenant file says of itself. */
import { statSync } from 'node:fs'

/** Its length, and when it was last used and closed, as its own time of change says; undefined when it is not there. */
export function fileAtRest(path: string): { readonly bytes: number; readonly idleSinceMs: number } | undefined {
  const found = statSync(path, { throwIfNoEntry: false })
  return found && { bytes: found.size, idleSinceMs: found.mtimeMs }
}
