/** Which file a project's configuration is. */
import { expect, test } from 'vitest'
import { readProject } from './project.ts'

test.each([
  ['', 'no configuration file is named: --config is empty'],
  ['.', 'src is a directory: name the tenax.config.ts in it'],
  ['./no.config.ts', 'the configuration file no.config.ts is not there'],
])('the configuration %j is refused with a reason', async (named, message) => {
  const here = named === '.' ? import.meta.dirname : named
  await expect(readProject(here)).rejects.toMatchObject({ code: 'config_invalid', message })
})
