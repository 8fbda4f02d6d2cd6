/** Reads a directory of migrations. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, TenaxError } from '@tenax/kernel'
import type { Migration } from '@tenax/tenancy'

/**
 * The `*.sql` files of a directory, in order of name. Throws TenaxError `config_invalid` when it cannot be read.
 *
 * @example
 * const tenax = await createTenax({ data: './data', migrations: await loadMigrations('./migrations') })
 */
export async function loadMigrations(directory: string): Promise<Migration[]> {
  try {
    const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort()
    return await Promise.all(names.map(async (name) => ({ name, sql: await readFile(join(directory, name), 'utf8') })))
  } catch (error) {
    throw new TenaxError('config_invalid', `the migrations cannot be read: ${messageOf(error)}`, { cause: error })
  }
}
