/** What a process does to a store in a directory. */
import { openFsStore } from '@tenax/blobstore'
import { isTenaxError } from '@tenax/kernel'
import { sayLine, waitForGo } from '../child.ts'

/** A change of one blob. The key and `maker` make its bytes. */
export interface Deed {
  readonly verb: 'create' | 'put' | 'delete'
  readonly key: string
  readonly maker: string
}

const TEXT_LENGTH = 20_000

/** What a deed stores: long enough that half of it is seen to be half. */
export function textOf({ key, maker }: Pick<Deed, 'key' | 'maker'>): string {
  return `${key} by ${maker}, `.padEnd(TEXT_LENGTH, `${key} by ${maker}, `)
}

/** What a process is told. */
export interface BlobLifeOptions {
  readonly directory: string
  readonly name: string
  /** Deeds side by side in a group; the groups one after another. */
  readonly groups: readonly (readonly Deed[])[]
  /** The event of the file system at which it dies. */
  readonly eventCount: number
  /** Whether it waits for its parent before the first deed. */
  readonly waits: boolean
}

/** What it says: before each deed and behind it, with the code when it failed. */
export type BlobLine =
  | { readonly type: 'opened' }
  | { readonly type: 'began'; readonly deed: Deed }
  | { readonly type: 'ended'; readonly deed: Deed; readonly code: string }
  | { readonly type: 'home' }
  | { readonly type: 'fault'; readonly text: string }

/** Opens the store and does all deeds. */
export async function liveOn({ directory, name, groups, waits }: BlobLifeOptions): Promise<void> {
  let idCount = 0
  const store = await openFsStore({ directory, randomId: () => `${name}${String(idCount++).padStart(12, '0')}` })
  say({ type: 'opened' })
  if (waits) waitForGo()
  for (const group of groups) await Promise.all(group.map(doDeed))
  say({ type: 'home' })

  async function doDeed(deed: Deed): Promise<void> {
    say({ type: 'began', deed })
    const { verb, key } = deed
    const call = verb === 'delete' ? store.delete(key) : store[verb](key, Buffer.from(textOf(deed)))
    say({ type: 'ended', deed, code: await codeOf(call) })
  }
}

async function codeOf(call: Promise<void>): Promise<string> {
  try {
    await call
    return 'ok'
  } catch (error) {
    if (isTenaxError(error)) return error.code
    throw error
  }
}

function say(line: BlobLine): void {
  sayLine(JSON.stringify(line))
}
