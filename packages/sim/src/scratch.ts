/** Directories for tests: below the system's one for temporary files, gone when the test is over. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A new directory that is removed at the end of its scope. */
export function scratchDirectory(): { readonly path: string } & Disposable {
  return scratchBelow(tmpdir())
}

/** As {@link scratchDirectory}, in memory where the system has such a place: for rounds that make no use of a real disk. */
export function scratchMemory(): { readonly path: string } & Disposable {
  return scratchBelow(existsSync('/dev/shm') ? '/dev/shm' : tmpdir())
}

function scratchBelow(parent: string): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(parent, 'tenax-sim-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true, maxRetries: 3 }) }
}
