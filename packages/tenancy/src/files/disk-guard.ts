/**
 * Keeps the disk of the data directory from getting full (LEDGER F3): while less than a bound is free, commits of tenants are refused,
 * and whatever frees or moves bytes goes on: reads, checkpoints, archiving, trims, catalogs.
 *
 *   room ──a look finds less than the bound──► low ──a look finds more──► room
 *   a checkpoint finds no room, or a look next to none: the reserve is released; it is made again when a look finds room for it
 *
 * The free space is looked at when somebody commits, once a second, or sooner when half of what the last look found free was written
 * since: nobody who is idle costs anything.
 */
import { statfsSync } from 'node:fs'
import { type Clock, MIB_BYTES, TenaxError } from '@tenax/kernel'
import { DISK_FREE_BYTES_MIN, DISK_FREE_SHARE_MIN, DISK_LOOK_MS, DISK_RESERVE_BYTES } from '../limits.ts'
import type { VerbContext } from '../tenancy-port.ts'
import { ReserveFile } from './reserve-file.ts'

/** What a file system has. */
export interface DiskSpace {
  /** For who is not root. */
  readonly freeBytes: number
  readonly totalBytes: number
}

/** The part of a tenancy that a guard is made of. */
export type Guarded = Pick<VerbContext, 'data' | 'settings' | 'components'>

/** What an operator hears of it. */
export type DiskEvent =
  /** Commits of tenants are refused from now on. */
  | { readonly type: 'disk_low'; readonly freeBytes: number; readonly freeBytesMin: number }
  /** They are taken again. */
  | { readonly type: 'disk_has_room'; readonly freeBytes: number }
  /** The disk was full, and the room that was kept for checkpoints is theirs now. */
  | { readonly type: 'disk_reserve_released' }

/** What the guard is made of. */
export interface DiskGuardOptions {
  /** The directory whose disk it is, and where the reserve lies. */
  readonly root: string
  readonly reservePath: string
  readonly clock: Clock
  readonly onEvent: (event: DiskEvent) => void
  /** 0: commits are never refused, and nothing is kept. Default: 256 MiB, or 2 % of the disk if that is less. */
  readonly freeBytesMin?: number | undefined
  /** The file system's own figures, if unsaid. */
  readonly diskSpace?: ((root: string) => DiskSpace) | undefined
}

/** Figures for an operator. */
export interface DiskStats {
  /** Undefined when the file system does not say. */
  readonly freeBytes: number | undefined
  readonly freeBytesMin: number
  readonly reserveBytes: number
  /** Commits and verbs that were refused since the start. */
  readonly refusedCount: number
}

/** The guard of a data directory's disk. */
export function guardDisk({ data: { layout }, settings, components }: Guarded): DiskGuard {
  const { clock, onEvent, diskSpace } = components
  const { diskFreeBytesMin: freeBytesMin } = settings
  return new DiskGuard({ root: layout.root, reservePath: layout.reserve, clock, onEvent, freeBytesMin, diskSpace })
}

/** Looks after one disk. */
export class DiskGuard {
  readonly #options: DiskGuardOptions
  readonly #freeBytesMin: number
  readonly #reserve: ReserveFile | undefined
  #lookedAtMs = Number.NEGATIVE_INFINITY
  /** What may be written before the next look. */
  #untilLookBytes = 0
  #low: DiskSpace | undefined
  #refusedCount = 0

  constructor(options: DiskGuardOptions) {
    this.#options = options
    const share = (this.#space()?.totalBytes ?? Number.POSITIVE_INFINITY) * DISK_FREE_SHARE_MIN
    this.#freeBytesMin = options.freeBytesMin ?? Math.floor(Math.min(DISK_FREE_BYTES_MIN, share))
    const reserveBytes = Math.min(DISK_RESERVE_BYTES, this.#freeBytesMin)
    this.#reserve = reserveBytes === 0 ? undefined : new ReserveFile(options.reservePath, reserveBytes)
  }

  /**
   * Asked before a commit of a tenant, and before a verb that makes a file, which takes `bytes`. The engine's own work is refused
   * at half the bound only, so that what a step has come to is still written.
   *
   * @throws TenaxError `storage_full` while the disk is low, or would be
   */
  assertRoom({ bytes = 0, isEngine = false }: { readonly bytes?: number; readonly isEngine?: boolean } = {}): void {
    if (this.#freeBytesMin === 0) return
    this.#lookNowAndThen()
    const isLow = this.#low !== undefined && (!isEngine || this.#low.freeBytes < this.#freeBytesMin / 2)
    if (this.#low !== undefined && isLow) throw this.#refused(this.#low)
    if (bytes === 0) return
    const space = this.#space()
    if (space !== undefined && space.freeBytes - bytes < this.#freeBytesMin) throw this.#refused(space, bytes)
  }

  /** So much was written by a commit. */
  took(bytes: number): void {
    this.#untilLookBytes -= bytes
  }

  /** Somebody has found no room for what must go on. */
  full(): void {
    if ((this.#reserve?.bytes ?? 0) === 0) return
    this.#reserve?.release()
    this.#options.onEvent({ type: 'disk_reserve_released' })
  }

  stats(): DiskStats {
    return {
      freeBytes: this.#space()?.freeBytes,
      freeBytesMin: this.#freeBytesMin,
      reserveBytes: this.#reserve?.bytes ?? 0,
      refusedCount: this.#refusedCount,
    }
  }

  async close(): Promise<void> {
    await this.#reserve?.close()
  }

  #lookNowAndThen(): void {
    const nowMs = this.#options.clock.monotonicMs()
    if (nowMs - this.#lookedAtMs < DISK_LOOK_MS && this.#untilLookBytes > 0) return
    this.#lookedAtMs = nowMs
    this.#untilLookBytes = Number.POSITIVE_INFINITY
    const space = this.#space()
    if (space === undefined) return
    this.#untilLookBytes = Math.max(MIB_BYTES, (space.freeBytes - this.#freeBytesMin) / 2)
    this.#tell(space)
    this.#tendReserve(space)
  }

  #tell(space: DiskSpace): void {
    const { freeBytes } = space
    const wasLow = this.#low !== undefined
    this.#low = freeBytes < this.#freeBytesMin ? space : undefined
    if (this.#low !== undefined && !wasLow) {
      this.#options.onEvent({ type: 'disk_low', freeBytes, freeBytesMin: this.#freeBytesMin })
    }
    if (this.#low === undefined && wasLow) this.#options.onEvent({ type: 'disk_has_room', freeBytes })
  }

  #tendReserve({ freeBytes }: DiskSpace): void {
    if (freeBytes < MIB_BYTES / 4) this.full()
    else if (freeBytes > this.#freeBytesMin + DISK_RESERVE_BYTES && this.#reserve?.isMade === false) {
      void this.#reserve.make()
    }
  }

  #space(): DiskSpace | undefined {
    const { root, diskSpace = statfs } = this.#options
    try {
      return diskSpace(root)
    } catch {
      return undefined // a file system that does not say is asked again, and refuses when it is full
    }
  }

  #refused({ freeBytes }: DiskSpace, bytes = 0): TenaxError {
    this.#refusedCount += 1
    const what = bytes === 0 ? 'writes need' : `${mib(bytes)} MiB more and then`
    return new TenaxError(
      'storage_full',
      `the disk is nearly full: ${mib(freeBytes)} MiB are free, ${what} ${mib(this.#freeBytesMin)} MiB`,
      {
        hint: 'make room on the disk of the data directory, or archive or delete tenants; nothing was written, and reads go on',
        details: { freeBytes, freeBytesMin: this.#freeBytesMin },
      },
    )
  }
}

function mib(bytes: number): string {
  return (bytes / MIB_BYTES).toFixed(1)
}

function statfs(root: string): DiskSpace {
  const { bavail, blocks, bsize } = statfsSync(root)
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
}
