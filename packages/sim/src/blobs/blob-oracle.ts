/** What may be in a store, after what its users have said. */
import type { BlobStore } from '@tenax/blobstore'
import { isTenaxError } from '@tenax/kernel'
import { type Deed, textOf } from './blob-life.ts'

/** The text of a blob; undefined where there is none. */
type Text = string | undefined

/** Follows the deeds of one process at a time, and compares. */
export class BlobOracle {
  readonly faults: string[] = []
  /** What each key may have. A deed that began and did not end leaves more than one. */
  readonly #possible = new Map<string, Set<Text>>()

  began(deed: Deed): void {
    const { verb, key } = deed
    const possible = this.#at(key)
    if (verb === 'delete') possible.add(undefined)
    else if (verb === 'put' || possible.has(undefined)) possible.add(textOf(deed))
  }

  ended(deed: Deed, code: string): void {
    const { verb, key } = deed
    const possible = this.#at(key)
    const isTaken = verb === 'create' && !possible.has(undefined)
    if (code === 'ok' && isTaken) this.faults.push(`${key} was created over a blob`)
    if (code === 'ok') this.#possible.set(key, new Set([verb === 'delete' ? undefined : textOf(deed)]))
    else if (code === 'blob_exists' && verb === 'create') {
      // Its own text was never stored by it, but may be there from a life before.
      possible.delete(undefined)
      if (possible.size === 0) this.faults.push(`${key} was said to be there, and cannot be`)
    } else this.faults.push(`${verb} ${key}: ${code}`)
  }

  /** Reads every key that was ever named. What is there is the truth from now on. */
  async compare(store: BlobStore, where: string): Promise<void> {
    const listed = new Set<string>()
    for await (const { key } of store.list('')) listed.add(key)
    for (const [key, possible] of this.#possible) {
      const text = await textAt(store, key)
      if (!possible.has(text)) this.faults.push(`${where}: ${key} is ${text?.slice(0, 40) ?? 'not there'}`)
      if (listed.has(key) !== (text !== undefined)) this.faults.push(`${where}: the list is wrong about ${key}`)
      this.#possible.set(key, new Set([text]))
      listed.delete(key)
    }
    for (const key of listed) this.faults.push(`${where}: nobody has stored ${key}`)
  }

  #at(key: string): Set<Text> {
    const possible = this.#possible.get(key) ?? new Set<Text>([undefined])
    this.#possible.set(key, possible)
    return possible
  }
}

/** All of a blob's text. */
export async function textAt(store: BlobStore, key: string): Promise<Text> {
  try {
    return Buffer.from(await store.get(key)).toString()
  } catch (error) {
    if (isTenaxError(error, 'blob_not_found')) return undefined
    throw error
  }
}
