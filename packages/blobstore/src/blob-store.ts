/**
 * The port to object storage: five verbs over named, whole blobs. What every driver promises is written beside the verbs,
 * and shown by the suite in contract.ts.
 *
 * Keys are parts joined by `/`, as `tenants/acme/…/manifests/00000007.json`: see core/key.ts. No blob's key continues
 * another's: beside a blob `a` there is no `a/b`.
 */

/** Ends a call early. Reads, and writes that had not begun, reject with the signal's reason; others with `outcome_unknown`. */
export interface CallOptions {
  readonly signal?: AbortSignal
}

/** Which bytes of a blob to get: `length` of them, at least 1, from `offset`. */
export interface ByteRange {
  readonly offset: number
  readonly length: number
}

/** As {@link CallOptions}, and which bytes. Default: all. */
export interface GetOptions extends CallOptions {
  readonly range?: ByteRange
}

/** As {@link CallOptions}, and where to begin. */
export interface ListOptions extends CallOptions {
  /** Only keys behind this one, which need not be there. Default: all. */
  readonly after?: string
}

/** A blob in a list. */
export interface BlobEntry {
  readonly key: string
  readonly lengthBytes: number
  /** When it was stored by the store's own clock, in milliseconds since 1970, perhaps rounded down to a second. */
  readonly storedAtMs: number
}

/**
 * A place for blobs. All verbs reject with `argument_invalid` (key, prefix or range), `unavailable` (the store cannot be
 * reached, or was closed: nothing was changed), and `overloaded` (too many calls wait: nothing was changed). Those that change
 * something also reject with `outcome_unknown`: perhaps done, perhaps done later.
 */
export interface BlobStore {
  /** The driver, for messages: `fs`, `s3`, `memory`. */
  readonly name: string

  /**
   * The bytes of a blob, all or a range, cut short where the blob ends. They are the caller's own.
   *
   * @throws TenaxError `blob_not_found`, `payload_too_large`
   */
  get(key: string, options?: GetOptions): Promise<Uint8Array>

  /**
   * Stores a blob under a key that has none: of any number of callers at once, on any machine, one succeeds. The blob is
   * durable when this resolves, and nobody ever sees a part of it. A caller who must know its own blob again puts something
   * of its own (a nonce) into the bytes: then, after `outcome_unknown`, {@link createOrRead} tells.
   *
   * @throws TenaxError `blob_exists` when the key is taken, by a blob that is durable; `payload_too_large`, `storage_full`
   */
  create(key: string, bytes: Uint8Array, options?: CallOptions): Promise<void>

  /**
   * Stores a blob whose key follows from its bytes, so that to store it again changes nothing. Durable when this resolves;
   * nobody ever sees a part of it. Different bytes under one key break the store's promise to its readers.
   *
   * @throws TenaxError `payload_too_large`, `storage_full`
   */
  put(key: string, bytes: Uint8Array, options?: CallOptions): Promise<void>

  /**
   * The blobs below `prefix`, which is empty or ends with `/`, in the order of their keys' bytes, read page by page. What is
   * stored or deleted meanwhile may be there or not; all else is there once. Beginning again is a new list.
   */
  list(prefix: string, options?: ListOptions): AsyncIterable<BlobEntry>

  /** Removes a blob. That there is none is no error. */
  delete(key: string, options?: CallOptions): Promise<void>

  /** Lets go of connections and timers. Calls that follow are `unavailable`; none may be under way. Again does no harm. */
  close(): Promise<void>
}
