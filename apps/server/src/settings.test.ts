import { expect, test } from 'vitest'
import { readSettings } from './settings.ts'

test('TENAX_DURABILITY is taken, an argument is stronger, and neither leaves it to the host', async () => {
  const env = { TENAX_DURABILITY: 'relaxed' }
  expect(await readSettings({}, undefined, env)).toMatchObject({ durability: 'relaxed' })
  expect(await readSettings({ durability: 'local' }, undefined, env)).toMatchObject({ durability: 'local' })
  expect((await readSettings({}, undefined, {})).durability).toBeUndefined()
})

test('a durability that is none is config_invalid', async () => {
  await expect(readSettings({ durability: 'eternal' }, undefined, {})).rejects.toMatchObject({ code: 'config_invalid' })
  await expect(readSettings({}, undefined, { TENAX_DURABILITY: 'eternal' })).rejects.toMatchObject({
    code: 'config_invalid',
  })
})
