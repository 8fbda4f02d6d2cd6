/** Runs hanging statements in a process of their own and kills it once everybody was answered. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild } from '../child.ts'

const WORKER = new URL('../fixtures/hang-worker.ts', import.meta.url)

/** What each statement was answered, by name, and `quiet: ok` when the neighbour was served meanwhile. */
export async function answersTo(names: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const directory = mkdtempSync(join(tmpdir(), 'tenax-hang-'))
  let answers: Record<string, string> | undefined
  const child = startChild({
    script: WORKER,
    args: [join(directory, 'data'), ...names],
    onLine(line, running) {
      answers = JSON.parse(line)
      running.kill('SIGKILL')
    },
  })
  const { stderr } = await child.ended
  rmSync(directory, { recursive: true, force: true })
  if (answers === undefined) throw new Error(`the worker ended without an answer: ${stderr}`)
  return answers
}
