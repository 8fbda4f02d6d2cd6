/** Reports that are kept. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '@tenax/kernel'

/** Keeps a report as `results/<day>-<name>.md`, and says where. */
export function saveReport(text: string, name: string): void {
  const day = new Date(systemClock.nowMs()).toISOString().slice(0, 10)
  const directory = fileURLToPath(new URL('../../results/', import.meta.url))
  mkdirSync(directory, { recursive: true })
  const path = join(directory, `${day}-${name}.md`)
  writeFileSync(path, text)
  console.log(`saved as ${path}`)
}
