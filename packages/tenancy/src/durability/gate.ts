/**
 * The gate (LEDGER G1): what one reply has seen, and what it waits for before it leaves. Errors and answers without rows
 * wait like any other.
 */
import { type DurabilityClass, type Lineage, strongerClass, TenaxError } from '@tenax/kernel'
import type { FileJournal } from './file-journal.ts'

/** Where a tenant was when something looked at it, and the class that is promised for everything up to there. */
export interface SeenPosition {
  readonly lineage: Lineage
  readonly lsn: bigint
  readonly durability: DurabilityClass
}

/** A file that can be looked at. */
export interface Watched {
  readonly journal: FileJournal
  readonly lineage: Lineage
  /** The tenant's own class. */
  readonly durability: DurabilityClass
}

/** One reply's way out. */
export class Gate {
  readonly #asked: DurabilityClass
  #unsettled: { readonly journal: FileJournal; readonly isRemote: boolean }[] = []
  #seen: SeenPosition | undefined

  /** A request may ask for a stronger class than its tenant has; a weaker one changes nothing. */
  constructor(asked: DurabilityClass = 'relaxed') {
    this.#asked = asked
  }

  /** What the reply has seen last; undefined when it has looked at no tenant. */
  get seen(): SeenPosition | undefined {
    return this.#seen
  }

  /** Notes what the reply sees now. */
  see({ journal, lineage, durability }: Watched): void {
    const used = strongerClass(durability, this.#asked)
    this.#seen = { lineage, lsn: journal.lsn, durability: used }
    const isRemote = used === 'remote'
    if (used !== 'relaxed' && !hasClass({ journal, isRemote })) this.#unsettled.push({ journal, isRemote })
  }

  /** Whether something was seen that has not its class yet. */
  get isShut(): boolean {
    return this.#unsettled.length > 0
  }

  /**
   * Resolves when all that was seen has its class. A tenant that is set to a weaker class meanwhile makes no difference.
   *
   * @throws TenaxError `outcome_unknown` when that cannot be any more
   */
  async leave(): Promise<void> {
    try {
      for (const one of this.#unsettled) {
        if (!hasClass(one)) await (one.isRemote ? one.journal.stored() : one.journal.settled())
      }
    } catch (error) {
      this.#seen = undefined // nothing can be promised for it
      throw error
    }
    this.#unsettled = []
  }
}

function hasClass({ journal, isRemote }: { readonly journal: FileJournal; readonly isRemote: boolean }): boolean {
  return isRemote ? journal.isStored : journal.isSettled
}

/** What a request for `remote` hears of a host without object storage. */
export function remoteNotConfigured(): TenaxError {
  return new TenaxError(
    'remote_not_configured',
    'durability "remote" needs object storage, which this server has not',
    {
      hint: 'ask for "local", or start the server with a store',
    },
  )
}
