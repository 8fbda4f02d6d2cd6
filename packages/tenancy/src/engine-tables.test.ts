/** What others keep in tenants' files, and the engine's own commits on a handle. */
import { InvariantError } from '@tenax/kernel'
import { describe, expect, it } from 'vitest'
import { crashCopy } from './fixtures/ledger-files.ts'
import { idOf, streamOf } from './fixtures/settings.ts'
import { codeOf, directoryMaker, gathered, type OpenTenancy, tenancyMaker } from './fixtures/test-bed.ts'

const newDirectory = directoryMaker() // first, so that it is removed behind the tenancies in it
const openTenancy = tenancyMaker()
const [acme, copy] = [idOf('acme'), idOf('copy')]
const tables = {
  definitions: [
    'CREATE TABLE tenax_job (id INTEGER PRIMARY KEY, held INTEGER NOT NULL) STRICT',
    'CREATE INDEX tenax_job_by_held ON tenax_job (held)',
  ],
  onImport: ['UPDATE tenax_job SET held = 1'],
}

async function made({ tenancy }: OpenTenancy, definitions = tables.definitions): Promise<void> {
  await tenancy.create(acme)
  await tenancy.use(acme, (handle) =>
    handle.commit((file) => file.script([...definitions, 'INSERT INTO tenax_job VALUES (1, 0)'])),
  )
}

function exported({ tenancy }: OpenTenancy): Promise<Buffer> {
  return tenancy.export(acme, async ({ chunks }) => Buffer.concat(await gathered(chunks)))
}

const jobs = ({ sql }: OpenTenancy, id = acme) => sql(id, 'SELECT id, held FROM tenax_job')

describe('tables of others', () => {
  it('are readable and never writable for the tenant, and survive an export and an import, which may change their rows', async () => {
    const open = await openTenancy({ tables })
    await made(open)
    expect(await codeOf(open.sql(acme, 'UPDATE tenax_job SET held = 2'))).toBe('sql_refused')
    await open.tenancy.import(copy, streamOf(await exported(open)))
    expect([await jobs(open), await jobs(open, copy)]).toEqual([[[1n, 0n]], [[1n, 1n]]])
  })

  it.each([
    ['unknown to this host', undefined, tables.definitions, 'import_invalid'],
    ['half there', tables, tables.definitions.slice(0, 1), 'engine_tables_unknown'],
    [
      'not these to the letter',
      tables,
      tables.definitions.map((sql) => sql.replace('NOT NULL', 'NULL')),
      'engine_tables_unknown',
    ],
  ])('that are %s are refused', async (_what, known, definitions, code) => {
    const open = await openTenancy({ tables })
    await made(open, definitions)
    const other = await openTenancy(known === undefined ? {} : { tables: known })
    expect(await codeOf(other.tenancy.import(copy, streamOf(await exported(open))))).toBe(code)
  })
})

describe('a move', () => {
  it('has suspended its tenant and held its workflows before the first byte leaves, whatever comes then', async () => {
    const open = await openTenancy({ tables })
    await made(open)
    let image = ''
    const cutOff = open.tenancy.move(acme, async () => {
      image = crashCopy(open.dataPath, newDirectory())
      throw new Error('the client has gone')
    })
    expect(await codeOf(cutOff)).toBe('the client has gone')
    for (const after of [open, await openTenancy({ tables, dataPath: image })]) {
      expect(await codeOf(jobs(after))).toBe('tenant_suspended')
      const file = await after.tenancy.move(acme, async ({ chunks }) => Buffer.concat(await gathered(chunks)))
      await after.tenancy.import(copy, streamOf(file))
      await after.tenancy.resume(acme)
      expect([await jobs(after), await jobs(after, copy)]).toEqual([[[1n, 1n]], [[1n, 1n]]])
    }
  })

  it('of a tenant that is quarantined is refused', async () => {
    const open = await openTenancy({ tables })
    await made(open)
    const { tenancy } = open
    await tenancy.use(acme, async (handle) => void (await handle.examine(new InvariantError('made up'))))
    expect(await codeOf(tenancy.move(acme, async () => undefined))).toBe('tenant_quarantined')
    expect(tenancy.get(acme).suspendedAtMs).toBeUndefined()
  })
})

describe('commit()', () => {
  it('is one commit with its number, in the ledger, and nothing when it throws', async () => {
    const open = await openTenancy({ tables })
    await made(open)
    const lsn = async () => (await open.tenancy.stats(acme)).lsn
    const before = await lsn()
    const failed = open.tenancy.use(acme, (handle) =>
      handle.commit((file) => {
        file.engine('INSERT INTO tenax_job VALUES (2, 0)').get()
        throw new Error('made up')
      }),
    )
    expect([await codeOf(failed), await lsn()]).toEqual(['made up', before])
    await open.tenancy.use(acme, async (handle) => {
      const id = await handle.commit(
        (file) => file.engine('INSERT INTO tenax_job VALUES (3, 0) RETURNING id').get()?.[0],
      )
      expect(id).toBe(3n)
      await handle.settled()
    })
    expect(await lsn()).toBe(before + 1n)
    const crashed = await openTenancy({ tables, dataPath: crashCopy(open.dataPath, newDirectory()) })
    expect(await jobs(crashed)).toEqual([
      [1n, 0n],
      [3n, 0n],
    ])
  })
})
