/**
 * The screen of `colloquy top`: the alternate one of the terminal, drawn over in place, and the keys pressed meanwhile. Unlike
 * a live block it takes the whole terminal, and gives it back as it was: at the end, after a failure, and when a second
 * interrupt ends the process.
 */
import type { Output } from './command.ts'

export type Key = 'quit' | 'sort' | 'up' | 'down' | 'page-up' | 'page-down' | 'home' | 'end'

export interface ScreenSize {
  readonly columns: number
  readonly rows: number
}

export interface Screen extends Disposable {
  readonly size: ScreenSize
  /** One line for each row from the top; what was there goes. */
  draw(lines: readonly string[]): void
}

export interface ScreenEvents {
  readonly onKey: (key: Key) => void
  readonly onResize: () => void
}

export type OpenScreen = (output: Output, events: ScreenEvents) => Screen

const enter = '\u001b[?1049h\u001b[?25l\u001b[2J'
const leave = '\u001b[?25h\u001b[?1049l'

/** The terminal of this process. */
export function openScreen(output: Output, events: ScreenEvents): Screen {
  const { stdin, stdout } = process
  const hearsKeys = stdin.isTTY
  const onData = (data: Buffer) => {
    for (const key of keysOf(data.toString('latin1'))) events.onKey(key)
  }
  let open = true
  const close = () => {
    if (!open) return
    open = false
    if (hearsKeys) stdin.setRawMode(false)
    output.write(leave)
  }
  process.once('exit', close)
  stdout.on('resize', events.onResize)
  output.write(enter)
  if (hearsKeys) {
    stdin.setRawMode(true)
    stdin.on('data', onData)
    stdin.resume()
  }
  return {
    get size() {
      return { columns: stdout.columns || 80, rows: stdout.rows || 24 }
    },
    draw: (lines) => output.write(frameOf(lines)),
    [Symbol.dispose]() {
      close()
      process.off('exit', close)
      stdout.off('resize', events.onResize)
      if (!hearsKeys) return
      stdin.off('data', onData)
      // Else the process would wait for a key.
      stdin.pause()
    },
  }
}

/** In one write, and no line cleared before its text is there: nothing flickers. */
export function frameOf(lines: readonly string[]): string {
  return `\u001b[H${lines.map((line) => `${line}\u001b[K`).join('\r\n')}\u001b[J`
}

// In raw mode an interrupt is a key too: Ctrl-C is 3, Ctrl-D is 4.
const keys: Readonly<Record<string, Key>> = {
  q: 'quit',
  Q: 'quit',
  '\u0003': 'quit',
  '\u0004': 'quit',
  s: 'sort',
  k: 'up',
  '\u001b[A': 'up',
  '\u001bOA': 'up',
  j: 'down',
  '\u001b[B': 'down',
  '\u001bOB': 'down',
  '\u001b[5~': 'page-up',
  ' ': 'page-down',
  '\u001b[6~': 'page-down',
  g: 'home',
  '\u001b[H': 'home',
  '\u001b[1~': 'home',
  G: 'end',
  '\u001b[F': 'end',
  '\u001b[4~': 'end',
}

const escape = '\u001b'
/** An escape sequence, or one character. */
const pressed = new RegExp(String.raw`${escape}(?:\[[\d;]*[A-Za-z~]|O[A-Z])|[\s\S]`, 'g')

/** The keys that mean something, of what a terminal sent at once. */
export function keysOf(text: string): readonly Key[] {
  return Array.from(text.matchAll(pressed), ([each]) => keys[each]).filter((key) => key !== undefined)
}
