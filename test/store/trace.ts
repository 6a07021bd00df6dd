/** What a tracer of system calls saw of a process: whether it told of a write before its sync. */

/** The command that traces what matters of the one behind it into a file. */
export function tracing(file: string): readonly string[] {
  return ['strace', '-f', '-e', 'trace=fsync,fdatasync,pwrite64,write', '-o', file]
}

/** For each line on stdout that begins so, whether all that was written before it had been synced, and something had. */
export function acknowledgements(trace: string, prefix: string): ('synced' | 'too early')[] {
  const found: ('synced' | 'too early')[] = []
  let unsynced = false
  let syncs = 0
  for (const line of trace.split('\n')) {
    if (/ pwrite64\(/.test(line)) unsynced = true
    else if (/(fsync|fdatasync)(\(\d+\)| resumed>.*\)) += 0/.test(line)) {
      unsynced = false
      syncs++
    } else if (line.includes(` write(1, "${prefix}`)) {
      found.push(unsynced || syncs === 0 ? 'too early' : 'synced')
      syncs = 0
    }
  }
  return found
}
