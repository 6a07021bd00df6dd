/**
 * CPU of a process and of all that it has started, from /proc. Unlike the reading of the replicas' bench it needs no list: a
 * database starts a process for every connection, and those that have ended count too.
 */
import { readFileSync, readdirSync } from 'node:fs'

interface Usage {
  readonly pid: number
  readonly parent: number
  readonly ticks: number
}

/** Microseconds, all threads, in steps of 10 ms. A child that has ended is in its parent's own count once that has waited for it. */
export function treeCpuUs(root: number): number {
  const usages = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? usageOf(Number(name)) : []))
  let ticks = usages.find(({ pid }) => pid === root)?.ticks ?? 0
  let level = new Set([root])
  while (level.size > 0) {
    const children = usages.filter(({ parent }) => level.has(parent))
    ticks += children.reduce((sum, each) => sum + each.ticks, 0)
    level = new Set(children.map(({ pid }) => pid))
  }
  return ticks * 10_000
}

function usageOf(pid: number): Usage[] {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    // It ended between the listing and the look.
    return []
  }
  // The name of the program, in parentheses, may hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(') ') + 2).split(' ')
  const sum = fields.slice(11, 15).reduce((ticks, each) => ticks + Number(each), 0)
  return [{ pid, parent: Number(fields[1]), ticks: sum }]
}
