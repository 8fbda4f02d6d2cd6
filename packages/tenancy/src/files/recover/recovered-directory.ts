/**
 * How a recovered data directory comes to be: it is built in `recovering/`, which counts for nothing; one rename to `recovered/`
 * says that it is whole; then its parts move to their places, `tenax.json` last.
 *
 * | a start finds | and                                                               |
 * |---------------|-------------------------------------------------------------------|
 * | `recovering/` | removes it: the recovery begins again                             |
 * | `recovered/`  | moves what is left in it, and goes on as with any data directory |
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { syncDirectory } from '@tenax/sqlite'
import { Layout } from '../layout.ts'

/** An empty place to build in. */
export function beginScratch({ recovering }: Layout): Layout {
  rmSync(recovering, { recursive: true, force: true })
  mkdirSync(recovering, { mode: 0o700 })
  return new Layout(recovering)
}

/** Makes what was built the data directory. Everything below `recovering/` is durable already. */
export function commitScratch(layout: Layout, onStep: (step: string) => void): void {
  renameSync(layout.recovering, layout.recovered)
  syncDirectory(layout.root)
  onStep('renamed')
  finishRecovered(layout, onStep)
}

/** Ends what a crash has cut short, from wherever it was. */
export function finishRecovered(layout: Layout, onStep: (step: string) => void = () => undefined): void {
  rmSync(layout.recovering, { recursive: true, force: true })
  if (!existsSync(layout.recovered)) return
  const identity = basename(layout.identity)
  const names = readdirSync(layout.recovered).filter((name) => name !== identity)
  for (const name of [...names, identity]) {
    const from = join(layout.recovered, name)
    if (!existsSync(from)) continue
    renameSync(from, join(layout.root, name))
    syncDirectory(layout.root)
    syncDirectory(layout.recovered)
    onStep(`moved ${name}`)
  }
  rmdirSync(layout.recovered)
  syncDirectory(layout.root)
}
