/** Rows of `tenax_output`. */
import type { SqliteFile } from '@tenax/sqlite'
import type { Output } from '@tenax/workflow/core'
import { int, orNull } from './values.ts'

/** Records outputs behind the `count` that a run has. */
export function insertOutputs(
  file: SqliteFile,
  run: number,
  { outputs, count, nowMs }: { readonly outputs: readonly Output[]; readonly count: number; readonly nowMs: number },
): void {
  for (const [index, output] of outputs.entries()) {
    file
      .engine('INSERT INTO tenax_output VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
      .get([
        int(run),
        int(count + index + 1),
        output.type,
        int(nowMs),
        output.type === 'set' ? output.key : null,
        output.type === 'log' ? output.message : null,
        orNull(output.json),
        int(output.after),
      ])
  }
}
