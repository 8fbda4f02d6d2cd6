/**
 * Where things lie in a data directory.
 *
 *     <data>/tenax.json                          format, identity, shard count
 *     <data>/host.lock                           who runs on it
 *     <data>/ledgers/<epoch>-<nonce>/<id>.seg    the host's ledger: what was committed since the last checkpoints
 *     <data>/ledgers/unclean-epoch               the last ledger that ended without a seal
 *     <data>/ledgers/stored.json                 where the ledgers in object storage go on
 *     <data>/recovering/, <data>/recovered/      a data directory that is made from object storage: until it is whole, and after
 *     <data>/recovered.json                      tenants without a file, for the first start behind that
 *     <data>/reserve                             zeros: room for checkpoints on a full disk
 *     <data>/ledgers/owed/<incarnation>          tenants that must be in a snapshot before anything of them is remote
 *     <data>/uploads/<nonce>.sqlite              files on their way in, removed at start
 *     <data>/lent/07-<incarnation>/<nonce>.db    the file of a tenant that another process has for a while
 *     <data>/shards/07/catalog.db                the shard's tenants
 *     <data>/shards/07/<incarnation>/<nonce>.db  one tenant's live file, named by its catalog row (LEDGER D1)
 */
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Incarnation, TenantId } from '@tenax/kernel'

/** What names a tenant's file. */
export interface TenantFileName {
  readonly incarnation: Incarnation
  readonly file: string
}

/** Paths of one data directory. */
export class Layout {
  readonly root: string

  constructor(root: string) {
    this.root = root
  }

  get identity(): string {
    return join(this.root, 'tenax.json')
  }

  get lock(): string {
    return join(this.root, 'host.lock')
  }

  get recovering(): string {
    return join(this.root, 'recovering')
  }

  get recovered(): string {
    return join(this.root, 'recovered')
  }

  get recoveredRows(): string {
    return join(this.root, 'recovered.json')
  }

  get reserve(): string {
    return join(this.root, 'reserve')
  }

  get uploads(): string {
    return join(this.root, 'uploads')
  }

  get ledgers(): string {
    return join(this.root, 'ledgers')
  }

  get uncleanEpoch(): string {
    return join(this.ledgers, 'unclean-epoch')
  }

  get storedPosition(): string {
    return join(this.ledgers, 'stored.json')
  }

  get owedBases(): string {
    return join(this.ledgers, 'owed')
  }

  get lent(): string {
    return join(this.root, 'lent')
  }

  get shards(): string {
    return join(this.root, 'shards')
  }

  upload(nonce: string): string {
    return join(this.uploads, `${nonce}.sqlite`)
  }

  shard(index: number): string {
    return join(this.shards, String(index).padStart(2, '0'))
  }

  catalog(index: number): string {
    return join(this.shard(index), 'catalog.db')
  }

  tenantDirectory(shard: number, incarnation: string): string {
    return join(this.shard(shard), incarnation)
  }

  tenantFile(shard: number, name: TenantFileName): string {
    return join(this.tenantDirectory(shard, name.incarnation), `${name.file}.db`)
  }
}

/** The shard of a tenant: CRC-32 of its id, modulo the shard count that the data directory was made with. */
export function shardOf(id: TenantId, shardCount: number): number {
  return crc32(id) % shardCount
}
