/**
 * The contract suite of BlobStore: what every driver, fake and decorator promises to those above it. For tests only; not
 * published.
 */
import { describe } from 'vitest'
import { describeBytes, describeMeetings, describeWrites } from './fixtures/contract-blobs.ts'
import { describeKeys, describeRefusals } from './fixtures/contract-keys.ts'
import { describeList, describePages } from './fixtures/contract-list.ts'
import type { ContractStore } from './fixtures/contract-store.ts'

export type { ContractStore } from './fixtures/contract-store.ts'
export { type TestS3, testS3 } from './fixtures/s3-server.ts'

/** Registers the suite for a store. `make` gives an empty one at each call. */
export function describeBlobStore(name: string, make: ContractStore): void {
  describe(`BlobStore ${name}`, () => {
    describe('bytes', () => describeBytes(make))
    describe('writes', () => describeWrites(make))
    describe('meetings', () => describeMeetings(make))
    describe('list', () => describeList(make))
    describe('pages', () => describePages(make))
    describe('keys', () => describeKeys(make))
    describe('refusals', () => describeRefusals(make))
  })
}
