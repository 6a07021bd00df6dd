/**
 * What an agenda may ask for beside discussion and ballots, as a person reads it in a terminal. It says what the minutes say of the same
 * event, without the signs of Markdown.
 */
import { ballotText } from '../convene/minutes.ts'
import { RoadMinutes } from '../convene/road-minutes.ts'
import type { RoadEvent } from '../convene/road-minutes.ts'
import { printable, wrap } from './terminal.ts'
import type { Paint } from './terminal.ts'

/** The text of one event after another, each with its line end. */
export function roadRenderer(paint: Paint, width: number): (event: RoadEvent) => string {
  const road = new RoadMinutes({ escape: printable, block: printable, ballotText })
  return (event) =>
    road
      .section(event)
      .flatMap((section) => section.split('\n'))
      .filter((line) => line !== '')
      .map((line) => {
        const heading = /^#+ (.*)$/.exec(line)?.[1]
        if (heading !== undefined) return `${paint('bold', heading)}\n`
        const plain = line.replace(/^_(.*)_$/, '$1').replaceAll('`', '')
        return `${wrap(plain, width, '  ')}\n`
      })
      .join('')
      .concat('\n')
}
