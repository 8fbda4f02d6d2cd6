import { systemClock } from '@tenax/kernel'
import { nodeSqliteDriver } from '@tenax/sqlite'
import { expect, test } from 'vitest'
import { systemRandomId } from '../system-ids.ts'
import { openInMemory } from './memory-handle.ts'

const sql = 'create table note (id integer primary key, text text); insert into note (text) values (1)'
const made = () =>
  openInMemory({
    ...{ tenant: 'acme', driver: nodeSqliteDriver, clock: systemClock, randomId: systemRandomId },
    migrations: [{ name: '0001', sql }],
  })
const NOTHING = { positional: [], named: [] }

test('a handle in memory has its migrations, numbers its commits, and rolls one back that throws', async () => {
  const handle = await made()
  await handle.execute("insert into note (text) values ('a')", NOTHING)
  await expect(
    handle.commit((file) => {
      file.engine('DELETE FROM note').get()
      throw new Error('not this one')
    }),
  ).rejects.toThrow('not this one')
  await handle.commit((file) => file.engine("UPDATE note SET text = 'b'").get())
  const { rows } = await handle.execute('select (select group_concat(text) from note), lsn from tenax_meta', NOTHING)
  expect(rows).toEqual([['b,b', 4n]])
  await handle.wayOut()()
  await handle.close('drain')
})

test('a handle in memory refuses a tenant’s SQL what a file does, and shares nothing with another', async () => {
  const handles = [await made(), await made()] as const
  await expect(handles[0].execute('drop table tenax_meta', NOTHING)).rejects.toMatchObject({ code: 'sql_refused' })
  await handles[0].execute('delete from note', NOTHING)
  expect((await handles[1].execute('select count(*) from note', NOTHING)).rows).toEqual([[1n]])
})
