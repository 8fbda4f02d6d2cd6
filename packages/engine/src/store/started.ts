/** Runs that a repeated start finds again, by their idempotency keys and ids (WORKFLOWS 32). */
import { TenaxError } from '@tenax/kernel'
import type { SqliteFile } from '@tenax/sqlite'
import type { NewRun } from './runs.ts'
import { numberIn } from './values.ts'

/**
 * The number of the run that this request has started already, if there is one.
 *
 * @throws TenaxError `idempotency_key_reused`, `run_id_reused`
 */
export function findStarted(file: SqliteFile, run: NewRun): number | undefined {
  if (run.idempotencyKey !== undefined) {
    const [number, hash] =
      file
        .engine('SELECT number, input_hash FROM tenax_run WHERE workflow = ? AND idempotency_key = ?')
        .get([run.workflow, run.idempotencyKey]) ?? []
    if (number !== undefined && hash !== run.inputHash) {
      throw keyReused()
    }
    if (number !== undefined) return numberIn(number)
  }
  if (run.isFresh === true) return undefined
  const [number, workflow, hash] =
    file.engine('SELECT number, workflow, input_hash FROM tenax_run WHERE id = ?').get([run.id]) ?? []
  if (number === undefined) return undefined
  if (workflow !== run.workflow || hash !== run.inputHash) {
    throw new TenaxError('run_id_reused', `a run "${run.id}" was started with another workflow or input`, {
      hint: 'choose another id',
    })
  }
  return numberIn(number)
}

/** The error for a key that stands for another input. */
export function keyReused(): TenaxError {
  return new TenaxError('idempotency_key_reused', 'the idempotency key started a run with another input', {
    hint: 'use a new key for a new run',
  })
}
