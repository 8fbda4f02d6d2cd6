import { TenaxError } from '@tenax/kernel'
import { expect, test } from 'vitest'
import { CliError, exitCodeOf, shownFailure } from './failure.ts'

test('a failure of the server shows its code, hint and details', () => {
  const error = new TenaxError('import_invalid', 'no', { hint: 'try', details: { reason: 'header' } })
  expect(shownFailure(error)).toEqual({
    code: 'import_invalid',
    message: 'no',
    hint: 'try',
    details: { reason: 'header' },
  })
  expect(exitCodeOf(error)).toBe(1)
})

test('a hint that speaks of HTTP gives way to the command that helps', () => {
  const error = new TenaxError('unauthorized', 'no', { hint: 'send a header' })
  expect(shownFailure(error).hint).toContain('TENAX_ADMIN_KEY')
})

test('a failure of the file system keeps its code', () => {
  const error = Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' })
  expect(shownFailure(error)).toEqual({ code: 'ENOENT', message: 'ENOENT: no such file' })
})

test('anything else is internal', () => {
  expect(shownFailure('thrown text')).toEqual({ code: 'internal', message: 'thrown text' })
})

test.each([
  [CliError.usage('no'), 2],
  [new CliError('interrupted', 'no'), 130],
  [new CliError('checks_failed', 'no'), 1],
  [new Error('no'), 1],
])('%s ends with its exit code', (error, exitCode) => {
  expect(exitCodeOf(error)).toBe(exitCode)
})
