import { expect, test } from 'vitest'
import { answersTo } from './answers.ts'
import { hangingStatements } from './hanging-statements.ts'

test.each(hangingStatements())('$name is answered, and a neighbour is served meanwhile', async ({ name }) => {
  const answers = await answersTo([name])
  expect(answers['quiet']).toBe('ok')
  expect(answers[name]).toMatch(/^(query_timeout|sql_error|sql_refused|storage_full)$/)
})
