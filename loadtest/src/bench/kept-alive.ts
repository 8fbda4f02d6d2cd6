/** A bench that waits for a clock whose timers keep no process alive. */
import { MessageChannel } from 'node:worker_threads'

/** Keeps the process alive until it is disposed of. */
export function keptAlive(): Disposable {
  const { port1 } = new MessageChannel()
  port1.on('message', () => undefined)
  return { [Symbol.dispose]: () => port1.close() }
}
