/**
 * A scope for work that starts other work: whatever was started with its signal is told to stop when the scope ends, by a
 * result, a failure or the parent's abort. Unlike `deadline` it knows no time.
 */

/** Runs `work` with a signal that is aborted with the parent, and in any case once the work has ended. */
export async function scoped<T>(
  parent: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController()
  try {
    return await work(parent ? AbortSignal.any([parent, over.signal]) : over.signal)
  } finally {
    over.abort()
  }
}
