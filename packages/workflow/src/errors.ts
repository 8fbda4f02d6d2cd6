/** The errors that a workflow's body meets, or throws on purpose. */
import type { Json } from './api.ts'

/** What a {@link StepError} says. */
export interface StepErrorOptions {
  /** The operation's name. */
  readonly step: string
  /** Stable; branch on this. */
  readonly code: string
  readonly message: string
  readonly attempts: number
  readonly data?: Json
}

/** All that an operation rejects with, except {@link CancelledError}: the same live and on replay (WORKFLOWS 4). */
export class StepError extends Error {
  readonly step: string
  readonly code: string
  readonly attempts: number
  readonly data?: Json

  constructor({ step, code, message, attempts, data }: StepErrorOptions) {
    super(message)
    this.name = 'StepError'
    this.step = step
    this.code = code
    this.attempts = attempts
    if (data !== undefined) this.data = data
  }
}

/** The run was cancelled: every open operation rejects with this, and so does every new one outside `shielded`. */
export class CancelledError extends Error {
  constructor(message = 'the run was cancelled') {
    super(message)
    this.name = 'CancelledError'
  }
}

/** What a {@link NonRetryableError} carries to the body. */
export interface NonRetryableOptions {
  readonly code?: string
  readonly data?: Json
  readonly cause?: unknown
}

/** Thrown by a step's function: no further attempt. */
export class NonRetryableError extends Error {
  readonly code: string
  readonly data?: Json

  constructor(message: string, { code = 'step_failed', data, cause }: NonRetryableOptions = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'NonRetryableError'
    this.code = code
    if (data !== undefined) this.data = data
  }
}
