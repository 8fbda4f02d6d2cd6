/**
 * Object storage in S3, or in a server that speaks like it. A blob is an object under its key, behind the prefix.
 *
 * What safety rests on:
 *
 * 1. `create` is one PUT with `If-None-Match: *`, which the server must keep (`probeStore` tries it): 412 is `blob_exists`.
 * 2. Each create has a nonce of its own in the object's metadata. When a request failed in a way that may have stored the blob
 *    and the next one is told that there is one, the nonce says whose. So a create that says `blob_exists` has stored nothing,
 *    and one that succeeds has.
 * 3. A change whose answer was lost is not asked for again here: it is `outcome_unknown`, and the caller's to repeat.
 * 4. No condition but this one is used, no multipart upload, and no list decides anything.
 */
import type {
  GetObjectCommandOutput,
  ListObjectsV2CommandInput,
  ListObjectsV2CommandOutput,
  S3Client,
} from '@aws-sdk/client-s3'
import { type Clock, MIB_BYTES, pause as platformPause, type RandomId, TenaxError } from '@tenax/kernel'
import { blobExists, blobNotFound, outcomeUnknown } from '../blob-errors.ts'
import type { BlobEntry, BlobStore, ByteRange, CallOptions, GetOptions, ListOptions } from '../blob-store.ts'
import { checkKey, checkLength, checkPrefix, checkRange, isKey } from '../core/key.ts'
import { BLOB_BYTES_MAX, S3_CALLS_MAX, S3_MS_PER_MIB, S3_PAGE_COUNT, S3_TRY_MS } from '../limits.ts'
import { Slots } from '../slots.ts'
import { makeS3Client, type S3Sdk } from './s3-client.ts'
import { readFailure, writeFailure } from './s3-failure.ts'
import { checkS3Settings, type S3Settings } from './s3-settings.ts'
import { makeTries, type Pause, type TriesEnd } from './s3-tries.ts'

/** What a store in S3 is made of. */
export interface S3StoreOptions {
  readonly settings: S3Settings
  readonly randomId: RandomId
  readonly clock: Clock
  /** Waits between two tries. Default: on the platform's clock. */
  readonly pause?: Pause
}

/** The name of a create's nonce in the metadata of its object. */
const NONCE = 'tenax-nonce'

/**
 * Opens a store in S3. Nothing is asked of the server yet: {@link probeStore} does that.
 *
 * @throws TenaxError `config_invalid` when a setting cannot be one
 * @example
 * const store = await openS3Store({ settings, randomId, clock: systemClock })
 * await probeStore(store, { randomId })
 */
export async function openS3Store({ settings, ...parts }: S3StoreOptions): Promise<BlobStore> {
  checkS3Settings(settings)
  const sdk = await import('@aws-sdk/client-s3')
  return new S3Store({ settings, pause: platformPause, ...parts, sdk })
}

interface S3Parts extends Required<S3StoreOptions> {
  readonly sdk: S3Sdk
}

/** A request that may be made several times. */
interface Asked<T> {
  /** How many bytes it carries there or back at most. */
  readonly lengthBytes: number
  readonly signal: AbortSignal | undefined
  readonly request: (signal: AbortSignal) => Promise<T>
}

class S3Store implements BlobStore {
  readonly name = 's3'
  readonly #sdk: S3Sdk
  readonly #client: S3Client
  readonly #bucket: string
  /** Empty, or ends with `/`. */
  readonly #prefix: string
  readonly #parts: Pick<S3Parts, 'clock' | 'pause' | 'randomId'>
  readonly #slots = new Slots(S3_CALLS_MAX)

  constructor({ settings, sdk, ...parts }: S3Parts) {
    const { bucket, prefix = '' } = settings
    this.#sdk = sdk
    this.#client = makeS3Client(sdk, settings)
    this.#bucket = bucket
    this.#prefix = prefix === '' ? '' : `${prefix}/`
    this.#parts = parts
  }

  async get(key: string, { range, signal }: GetOptions = {}): Promise<Uint8Array> {
    checkKey(key)
    checkRange(range)
    const input = { ...this.#objectAt(key), ...(range !== undefined && { Range: headerOf(range) }) }
    const request = async (abortSignal: AbortSignal) =>
      readBody(await this.#client.send(new this.#sdk.GetObjectCommand(input), { abortSignal }), range)
    const end = await this.#read({ lengthBytes: range?.length ?? BLOB_BYTES_MAX, signal, request })
    if (end.fate === 'done') return end.value
    if (end.fate === 'missing') throw blobNotFound(key)
    if (end.fate === 'past_end') return new Uint8Array()
    throw readFailure(end)
  }

  async create(key: string, bytes: Uint8Array, { signal }: CallOptions = {}): Promise<void> {
    const nonce = this.#parts.randomId()
    const more = { IfNoneMatch: '*', Metadata: { [NONCE]: nonce } }
    await this.#write({ key, bytes, more }, signal, async (end) => {
      if (end.fate !== 'taken') throw writeFailure(key, end)
      if (!end.afterUnknown) throw blobExists(key)
      const stored = await this.#nonceAt(key, signal)
      if (stored !== nonce) throw blobExists(key)
    })
  }

  async put(key: string, bytes: Uint8Array, { signal }: CallOptions = {}): Promise<void> {
    await this.#write({ key, bytes, more: {} }, signal, async (end) => {
      throw writeFailure(key, end)
    })
  }

  list(prefix: string, { after = '', signal }: ListOptions = {}): AsyncIterable<BlobEntry> {
    checkPrefix(prefix)
    return this.#list(prefix, after, signal)
  }

  async delete(key: string, { signal }: CallOptions = {}): Promise<void> {
    checkKey(key)
    const request = (abortSignal: AbortSignal) =>
      this.#client.send(new this.#sdk.DeleteObjectCommand(this.#objectAt(key)), { abortSignal })
    const end = await this.#slots.use(signal, () => this.#change({ lengthBytes: 0, signal, request }))
    if (end.fate !== 'done' && end.fate !== 'missing') throw writeFailure(key, end)
  }

  async close(): Promise<void> {
    this.#slots.close()
    this.#client.destroy()
  }

  #objectAt(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: this.#prefix + key }
  }

  /** A PUT, and what to do when it does not end well, in one slot. */
  async #write(
    { key, bytes, more }: Write,
    signal: AbortSignal | undefined,
    orElse: (end: NotDone) => Promise<void>,
  ): Promise<void> {
    checkKey(key)
    checkLength(bytes.length)
    const input = { ...this.#objectAt(key), ...more, Body: bytes }
    const request = (abortSignal: AbortSignal) =>
      this.#client.send(new this.#sdk.PutObjectCommand(input), { abortSignal })
    await this.#slots.use(signal, async () => {
      const end = await this.#change({ lengthBytes: bytes.length, signal, request })
      if (end.fate !== 'done') await orElse(end)
    })
  }

  /** The nonce of the create that made the blob. Whoever cannot tell does not know what became of his own. */
  async #nonceAt(key: string, signal: AbortSignal | undefined): Promise<string | undefined> {
    const request = (abortSignal: AbortSignal) =>
      this.#client.send(new this.#sdk.HeadObjectCommand(this.#objectAt(key)), { abortSignal })
    const end = await makeTries({ ...this.#parts, tryMs: tryMsOf(0), signal, isRead: true }, request)
    if (end.fate !== 'done') throw outcomeUnknown(key, end.error)
    return end.value.Metadata?.[NONCE]
  }

  async *#list(prefix: string, after: string, signal: AbortSignal | undefined): AsyncGenerator<BlobEntry> {
    const input = {
      Bucket: this.#bucket,
      Prefix: this.#prefix + prefix,
      MaxKeys: S3_PAGE_COUNT,
      ...(after !== '' && { StartAfter: this.#prefix + after }),
    }
    let last = ''
    for (let token: string | undefined, isMore = true; isMore; ) {
      const page = await this.#page({ ...input, ...(token !== undefined && { ContinuationToken: token }) }, signal)
      for (const entry of entriesOf(page, this.#prefix)) {
        if (entry.key <= last) throw unfit('list_order', 'does not list keys in the order of their bytes')
        last = entry.key
        yield entry
      }
      token = page.NextContinuationToken
      isMore = token !== undefined
    }
  }

  async #page(input: ListObjectsV2CommandInput, signal: AbortSignal | undefined): Promise<ListObjectsV2CommandOutput> {
    const request = (abortSignal: AbortSignal) =>
      this.#client.send(new this.#sdk.ListObjectsV2Command(input), { abortSignal })
    const end = await this.#read({ lengthBytes: MIB_BYTES, signal, request })
    if (end.fate === 'done') return end.value
    throw readFailure(end)
  }

  async #read<T>({ lengthBytes, signal, request }: Asked<T>): Promise<TriesEnd<T>> {
    const options = { ...this.#parts, tryMs: tryMsOf(lengthBytes), signal, isRead: true }
    const end = await this.#slots.use(signal, () => makeTries(options, request))
    if (end.fate !== 'done') signal?.throwIfAborted()
    return end
  }

  async #change<T>({ lengthBytes, signal, request }: Asked<T>): Promise<TriesEnd<T>> {
    const end = await makeTries({ ...this.#parts, tryMs: tryMsOf(lengthBytes), signal, isRead: false }, request)
    if (end.fate === 'away' && !end.mayBeDone) signal?.throwIfAborted()
    return end
  }
}

type NotDone = Exclude<TriesEnd<unknown>, { readonly fate: 'done' }>

interface Write {
  readonly key: string
  readonly bytes: Uint8Array
  readonly more: { readonly IfNoneMatch?: string; readonly Metadata?: Record<string, string> }
}

function tryMsOf(lengthBytes: number): number {
  return S3_TRY_MS + (Math.min(lengthBytes, BLOB_BYTES_MAX) / MIB_BYTES) * S3_MS_PER_MIB
}

function headerOf({ offset, length }: ByteRange): string {
  return `bytes=${offset}-${offset + length - 1}`
}

/** Reads as much as was promised, which is never more than a blob may have. */
async function readBody(reply: GetObjectCommandOutput, range: ByteRange | undefined): Promise<Uint8Array> {
  const { Body, ContentLength } = reply
  if (Body === undefined || ContentLength === undefined) throw new Error('an object without a length')
  if (range !== undefined && ContentLength > range.length) throw new Error('more bytes than were asked for')
  checkLength(ContentLength)
  return await Body.transformToByteArray()
}

/** The blobs of a page. Objects whose names are no keys are somebody else's. */
function* entriesOf({ Contents = [] }: ListObjectsV2CommandOutput, prefix: string): Generator<BlobEntry> {
  for (const { Key = '', Size, LastModified } of Contents) {
    const key = Key.slice(prefix.length)
    if (!Key.startsWith(prefix) || !isKey(key)) continue
    if (Size === undefined || LastModified === undefined)
      throw unfit('list_entry', 'lists an object without its length or time')
    yield { key, lengthBytes: Size, storedAtMs: LastModified.getTime() }
  }
}

function unfit(reason: string, what: string): TenaxError {
  const hint = 'use a store that lists objects as Amazon S3 does in a bucket for general purposes'
  return new TenaxError('store_unfit', `object storage ${what}`, { hint, details: { reason } })
}
