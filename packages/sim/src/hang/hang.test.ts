import { expect, test } from 'vitest'
import { answersTo } from './answers.ts'

test('statements that hear no interrupt are answered query_timeout, and a neighbour is served meanwhile', async () => {
  const answers = await answersTo(['hang-instr', 'hang-like', 'hang-prepare-alias-doubling'])
  expect(answers).toEqual({
    quiet: 'ok',
    'hang-instr': 'query_timeout',
    'hang-like': 'query_timeout',
    'hang-prepare-alias-doubling': expect.stringMatching(/query_timeout|sql_error/),
  })
})
