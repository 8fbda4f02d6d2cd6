/**
 * How many threads libSQL runs statements on, and how deep their stacks are. Its runtime reads both variables once, when
 * the native module loads. By default it has one thread per core, so that two tenants that spin until their timeout hold
 * up everybody on a two-core machine; and stacks of 2 MiB, which a LIKE pattern of 25,000 wildcards overruns, ending the
 * process (decision 0003). This is the one place outside the apps that touches the environment; it only writes, and only
 * what the operator has not set.
 */

/** Off-thread statements that may run at once in one process. Idle threads cost some 10 KiB each. */
export const NATIVE_THREADS = 32

/** Stack of each of them; address space only, until it is used. */
export const NATIVE_STACK_BYTES = 64 * 1024 * 1024

process.env['TOKIO_WORKER_THREADS'] ??= String(NATIVE_THREADS)
process.env['RUST_MIN_STACK'] ??= String(NATIVE_STACK_BYTES)
