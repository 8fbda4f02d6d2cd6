/** Removes the objects of tenants that are no more, once it is stored that they are: what recovery finds named must be there. */
import type { Clock, Timer } from '@tenax/kernel'
import type { CatalogSnapshots } from '../catalog-snapshots.ts'
import { CLEAN_ROWS, CLEAN_WAIT_MS } from '../limits.ts'
import { collectTombstone } from './collect.ts'
import type { SnapshotReader } from './read-manifest.ts'

/** What a cleaner is made of. */
export interface CleanerOptions {
  readonly source: SnapshotReader
  readonly clock: Clock
  /** Of every shard. */
  readonly catalogs: () => readonly { readonly snapshots: CatalogSnapshots }[]
  /** Resolves when this store is the right one, and has all that the catalogs say. */
  readonly ready: () => Promise<void>
}

/** One run at a time, begun again after a while when the store is away. */
export class Cleaner {
  readonly #options: CleanerOptions
  #running: Promise<void> | undefined
  /** Set when more was deleted while objects were removed. */
  #isMore = false
  #timer: Timer | undefined

  constructor(options: CleanerOptions) {
    this.#options = options
  }

  /** Begins a run now, or lets the one that is under way look once more. */
  soon(): void {
    if (this.#options.source.signal.aborted) return
    this.#timer?.cancel()
    this.#isMore = true
    this.#running ??= this.#run()
      .catch(() => {
        this.#timer = this.#options.clock.after(CLEAN_WAIT_MS, () => this.soon())
      })
      .finally(() => {
        this.#running = undefined
      })
  }

  /** Begins no more. */
  stop(): void {
    this.#timer?.cancel()
  }

  /** Resolves when none is under way. */
  async idle(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    const { catalogs, ready } = this.#options
    while (this.#isMore) {
      this.#isMore = false
      if (!catalogs().some(({ snapshots }) => snapshots.garbage(1).length > 0)) continue
      await ready()
      for (const { snapshots } of catalogs()) await this.#cleanShard(snapshots)
    }
  }

  async #cleanShard(snapshots: CatalogSnapshots): Promise<void> {
    const { source, clock } = this.#options
    for (let rows = snapshots.garbage(CLEAN_ROWS); rows.length > 0; rows = snapshots.garbage(CLEAN_ROWS)) {
      for (const tombstone of rows) {
        await collectTombstone(source, tombstone)
        await snapshots.cleaned(tombstone.incarnation, clock.nowMs())
      }
    }
  }
}
