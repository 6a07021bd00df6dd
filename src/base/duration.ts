/**
 * Durations as people write them in agendas and on command lines: `250ms`, `90s`, `5m`, `1h30m`, `2d`. Inside the house a
 * duration is always a number of milliseconds; this is the only way in.
 */
import { InvalidArgument } from './error.ts'

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const part = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/gy

/** Milliseconds of a duration; a bare number is refused, its unit would be a guess. */
export function parseDuration(text: string): number {
  const trimmed = text.trim()
  let total = 0
  let lastUnitMs = Number.POSITIVE_INFINITY
  part.lastIndex = 0
  let read = 0
  while (read < trimmed.length) {
    const found = part.exec(trimmed)
    const step = found && unitMs[found[2] as string]
    if (!step || step >= lastUnitMs) throw malformed(text)
    total += Number(found[1]) * step
    lastUnitMs = step
    read = part.lastIndex
  }
  if (read === 0 || !Number.isSafeInteger(Math.round(total))) throw malformed(text)
  return Math.round(total)
}

function malformed(text: string): InvalidArgument {
  return new InvalidArgument(
    'duration',
    `must be like 250ms, 90s, 5m or 1h30m (largest unit first); it is ${JSON.stringify(text.slice(0, 40))}`,
  )
}

/** The shortest exact way to write a whole number of milliseconds: 90000 is `1m30s`. */
export function formatDuration(ms: number): string {
  const whole = Math.round(ms)
  if (!Number.isSafeInteger(whole)) throw new InvalidArgument('ms', 'must be a whole number of milliseconds')
  let rest = Math.abs(whole)
  let text = ''
  for (const unit of ['d', 'h', 'm', 's', 'ms'] as const) {
    const step = unitMs[unit] as number
    const count = Math.floor(rest / step)
    if (count > 0) text += `${count}${unit}`
    rest -= count * step
  }
  return (whole < 0 ? '-' : '') + (text || '0ms')
}
