/** What a tracer of system calls saw of a process: whether it told of a write before its sync. */

/** The command that traces what matters of the one behind it into a file. */
export function tracing(file: string): readonly string[] {
  return ['strace', '-f', '-e', 'trace=fsync,fdatasync,pwrite64,write,openat', '-o', file]
}

/**
 * For each line on stdout that begins so, whether all that was written before it had been synced, and something had: by a sync, or by
 * a write to a file that was opened with `O_DSYNC`, once that has returned.
 */
export function acknowledgements(trace: string, prefix: string): ('synced' | 'too early')[] {
  const found: ('synced' | 'too early')[] = []
  const seen = new Seen()
  for (const line of trace.split('\n')) {
    if (line.includes(` write(1, "${prefix}`)) found.push(seen.told())
    else seen.take(line)
  }
  return found
}

class Seen {
  /** Files that are opened with `O_DSYNC`. */
  readonly #synced = new Set<string>()
  /** Threads whose call has not returned, and what it is. */
  readonly #opening = new Map<string, boolean>()
  readonly #writing = new Set<string>()
  #unsynced = false
  #syncs = 0

  told(): 'synced' | 'too early' {
    const early = this.#unsynced || this.#writing.size > 0 || this.#syncs === 0
    this.#syncs = 0
    return early ? 'too early' : 'synced'
  }

  take(line: string): void {
    const thread = /^\d+/.exec(line)?.[0] ?? ''
    const result = /\) += (\d+)/.exec(line)?.[1]
    const write = / pwrite64\((\d+),/.exec(line)?.[1]
    if (write !== undefined) {
      if (!this.#synced.has(write)) this.#unsynced = true
      else if (result === undefined) this.#writing.add(thread)
      else this.#syncs++
    } else if (line.includes('<... pwrite64 resumed>') && this.#writing.delete(thread)) {
      if (result === undefined) this.#unsynced = true
      else this.#syncs++
    } else if (/(fsync|fdatasync)(\(\d+\)| resumed>.*\)) += 0/.test(line)) {
      this.#unsynced = false
      this.#syncs++
    } else if (line.includes(' openat(')) {
      if (result === undefined) this.#opening.set(thread, line.includes('O_DSYNC'))
      else this.#opened(result, line.includes('O_DSYNC'))
    } else if (line.includes('<... openat resumed>') && result !== undefined)
      this.#opened(result, this.#opening.get(thread) === true)
  }

  /** A number that was another file's is given again. */
  #opened(file: string, synced: boolean): void {
    if (synced) this.#synced.add(file)
    else this.#synced.delete(file)
  }
}
