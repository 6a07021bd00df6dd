/**
 * The difference of two values as text, line by line: `-` was expected, `+` is there. Unlike a runner's it needs no runner;
 * it is for people and is cut where it becomes long.
 */
import { inspect } from 'node:util'

/** Lines of each side; of longer values the rest is not compared. */
const linesMax = 400

export function differenceOf(expected: unknown, actual: unknown): string {
  const [before, after] = [linesOf(expected), linesOf(actual)]
  const lines = alignment(before, after)
  const cut = before.length === linesMax || after.length === linesMax ? ['  ...'] : []
  return [...lines, ...cut].join('\n')
}

function linesOf(value: unknown): readonly string[] {
  // One field a line, whatever the width, and keys in order: two equal values must read the same.
  const text = inspect(value, { depth: 20, sorted: true, compact: false, breakLength: 1, maxArrayLength: 1000 })
  return text.split('\n').slice(0, linesMax)
}

/** By the longest common subsequence. */
function alignment(before: readonly string[], after: readonly string[]): string[] {
  const common = lengths(before, after)
  const at = (row: number, column: number) => common[row]?.[column] ?? 0
  const lines: string[] = []
  let [row, column] = [0, 0]
  while (row < before.length || column < after.length)
    if (row < before.length && before[row] === after[column]) {
      lines.push(`  ${before[row]}`)
      row++
      column++
    } else if (column === after.length || (row < before.length && at(row + 1, column) >= at(row, column + 1)))
      lines.push(`- ${before[row++]}`)
    else lines.push(`+ ${after[column++]}`)
  return lines
}

/** How many lines the rests from each pair of places have in common. */
function lengths(before: readonly string[], after: readonly string[]): readonly (readonly number[])[] {
  const rows: number[][] = Array.from({ length: before.length + 1 }, () => Array<number>(after.length + 1).fill(0))
  for (let row = before.length - 1; row >= 0; row--)
    for (let column = after.length - 1; column >= 0; column--) {
      const below = rows[row + 1] as number[]
      const here = rows[row] as number[]
      here[column] =
        before[row] === after[column]
          ? (below[column + 1] as number) + 1
          : Math.max(below[column] as number, here[column + 1] as number)
    }
  return rows
}
