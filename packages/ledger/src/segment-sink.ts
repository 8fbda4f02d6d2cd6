/** The port to object storage, as a ledger needs it. Whoever composes a host glues it to a store; tests take `MemorySink`. */

/** What became of a create. `exists`: something holds the id already; read it back to learn whose it is (LEDGER O2). */
export type CreateOutcome = 'created' | 'exists'

/**
 * The stored objects of one ledger, by id; created once and never overwritten. Both verbs reject with TenaxError
 * `unavailable` when nothing was changed, and `create` with `outcome_unknown` when the object is perhaps there, or will be:
 * then it is read back.
 */
export interface SegmentSink {
  /** Stores `bytes` as object `id`, unless the id is taken. Durable when it resolves. */
  create(id: number, bytes: Uint8Array): Promise<CreateOutcome>
  /** The bytes of an object; undefined when there is none. */
  read(id: number): Promise<Uint8Array | undefined>
}
