/** Puts the parts of entries together again. Parts of one entry follow one another with no other record between. */
import type { LedgerPlace } from './core/batch-header.ts'
import type { EntryPart, EntryRecord, LedgerPage } from './core/record.ts'

/** An entry with the place of its first part. */
export interface AssembledEntry {
  readonly entry: EntryRecord
  readonly place: LedgerPlace
}

/** What a part came to: an entry, nothing yet, or a fault of the ledger. */
export type Assembly = AssembledEntry | 'incomplete' | { readonly fault: string }

/** The entry under way. Memory: one entry. */
export class EntryAssembly {
  #first: { readonly part: EntryPart; readonly place: LedgerPlace; readonly pages: LedgerPage[] } | undefined
  #nextIndex = 0
  #mayBeginInside: boolean

  /** `mayBeginInside`: segments before the first one read were trimmed, perhaps with the beginning of an entry. */
  constructor({ mayBeginInside }: { mayBeginInside: boolean }) {
    this.#mayBeginInside = mayBeginInside
  }

  /** Meets a record that is no part. False when an entry waits for its next part. */
  passOther(): boolean {
    this.#mayBeginInside = false
    return this.#first === undefined
  }

  /** Takes the next part. */
  add(part: EntryPart, place: LedgerPlace): Assembly {
    const skips = this.#mayBeginInside && part.index > 0 && this.#first === undefined
    this.#mayBeginInside = skips && !part.isLast
    if (skips) return 'incomplete'
    if (part.index !== this.#nextIndex || !this.#continues(part)) return { fault: 'a part of an entry is missing' }
    this.#first ??= { part, place, pages: [] }
    if (part.index === 0 && part.isLast) return this.#finish(part.entry)
    for (const page of part.entry.pages) this.#first.pages.push(page)
    this.#nextIndex += 1
    return part.isLast ? this.#finish({ ...part.entry, pages: this.#first.pages }) : 'incomplete'
  }

  #continues({ entry }: EntryPart): boolean {
    const first = this.#first?.part.entry
    return first === undefined || (first.incarnation === entry.incarnation && first.lsn === entry.lsn)
  }

  #finish(entry: EntryRecord): Assembly {
    const first = this.#first
    this.#first = undefined
    this.#nextIndex = 0
    if (first === undefined || entry.pages.length !== first.part.pageCount) {
      return { fault: 'an entry has another number of pages than it says' }
    }
    return { entry, place: first.place }
  }
}
