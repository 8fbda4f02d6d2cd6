/** Exports that are under way, and how a host that closes ends them. */
import { TenaxError } from '@tenax/kernel'
import { exportFile, type TenantExport } from '../files/export.ts'
import type { Handle } from '../handle.ts'

/** The exports of one tenancy. */
export class Exports {
  readonly #cutOffs = new Set<() => void>()

  /** Lends a consistent copy of the file of `handle` while writes go on. `take` must read it before it resolves. */
  async run<T>(handle: Handle, take: (file: TenantExport) => Promise<T>): Promise<T> {
    const file = await exportFile(handle)
    const cutOff = () => handle.fence(new TenaxError('unavailable', 'the host is shutting down'))
    this.#cutOffs.add(cutOff)
    try {
      return await take(file)
    } finally {
      this.#cutOffs.delete(cutOff)
      file.end()
    }
  }

  /** Ends all of them. */
  cutOff(): void {
    for (const cutOff of this.#cutOffs) cutOff()
  }
}
