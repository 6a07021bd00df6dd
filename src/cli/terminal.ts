/**
 * What a terminal needs and a pipe does not: colour, wrapping, width, and a block of lines that is drawn over. Untrusted
 * text passes `printable` before it reaches any of it.
 */
import { stripVTControlCharacters, styleText } from 'node:util'
import { cleanText } from '../deliberation/clean.ts'
import type { Output } from './command.ts'

type Style = Parameters<typeof styleText>[0]
/** Applies a style, or leaves the text as it is. */
export type Paint = (style: Style, text: string) => string

/** Colour is for people: a terminal that can, and nobody who said NO_COLOR (no-color.org); FORCE_COLOR insists. */
export function colourWanted(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): boolean {
  if (env['NO_COLOR']) return false
  if (env['FORCE_COLOR'] && env['FORCE_COLOR'] !== '0') return true
  return stream.isTTY === true && env['TERM'] !== 'dumb'
}

export function painter(colour: boolean): Paint {
  return colour ? (style, text) => styleText(style, text, { validateStream: false }) : (_style, text) => text
}

/** Text from outside, with nothing in it that could move a cursor or hide a line. */
export function printable(text: string): string {
  return cleanText(stripVTControlCharacters(text), 1_000_000)
}

/** Breaks text at spaces to lines of `width` columns, each behind `indent`; existing line breaks stay. */
export function wrap(text: string, width: number, indent = ''): string {
  const room = Math.max(20, width - indent.length)
  return text
    .split('\n')
    .flatMap((line) => wrapLine(line, room))
    .map((line) => (line === '' ? '' : indent + line))
    .join('\n')
}

function wrapLine(line: string, room: number): string[] {
  const lines: string[] = []
  let current = ''
  for (const word of line.split(/ +/)) {
    if (current !== '' && current.length + 1 + word.length > room) {
      lines.push(current)
      current = word
    } else current = current === '' ? word : `${current} ${word}`
  }
  return [...lines, current]
}

/** A block of lines at the bottom of a terminal that is drawn over until cleared; silent where there is no terminal. */
export interface LiveBlock {
  show(lines: readonly string[]): void
  clear(): void
}

export function liveBlock(output: Output): LiveBlock {
  let height = 0
  const erase = () => {
    const up = height > 1 ? `\u001b[${height - 1}A` : ''
    if (height > 0) output.write(`\r${up}\u001b[J`)
    height = 0
  }
  if (!output.isTTY) return { show: () => {}, clear: () => {} }
  return {
    show(lines) {
      erase()
      // A line that wrapped would be two, and the cursor would not find its way back.
      output.write(lines.map((line) => line.slice(0, Math.max(10, output.columns - 1))).join('\n'))
      height = lines.length
    },
    clear: erase,
  }
}
