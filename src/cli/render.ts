/**
 * A convening as a person reads it in a terminal: the question, each contribution with its quotes and sources, the ballot
 * table, the outcome and why. It turns events into text; `convene` and `replay` show the same because both use it.
 */
import { headOf } from '../convene/transcript.ts'
import type { TranscriptItem } from '../convene/transcript.ts'
import { actedText, actingText, notActingText } from '../convene/action-text.ts'
import type {
  Acted,
  Balloted,
  Concluded,
  Contributed,
  ConveneEvent,
  OutcomeProposed,
  Started,
} from '../convene/event.ts'
import { extractiveNote, tokensText } from '../convene/minutes.ts'
import type { Ballot } from '../vote/ballot.ts'
import type { RoadEvent } from '../convene/road-minutes.ts'
import type { RuleSpec } from '../vote/rule-from.ts'
import { roadRenderer } from './road-render.ts'
import { painter, printable, wrap } from './terminal.ts'
import type { Paint } from './terminal.ts'

const speakerColours = ['cyan', 'magenta', 'yellow', 'green', 'blue', 'red'] as const

export interface Renderer {
  /** The text of one more event, with its line end. */
  event(event: ConveneEvent): string
  /** A speaker's name in its colour. */
  speaker(name: string): string
}

export function renderer(output: { readonly columns: number; readonly colour: boolean }): Renderer {
  return new TerminalRenderer(painter(output.colour), Math.min(output.columns, 110))
}

class TerminalRenderer implements Renderer {
  readonly #paint: Paint
  readonly #width: number
  readonly #speakers: string[] = []
  #rounds = 0
  #round = -1
  #ballots: Balloted[] = []
  #options: readonly string[] = []
  #opening: Pick<Started, 'action'> = {}
  readonly #road: (event: RoadEvent) => string

  constructor(paint: Paint, width: number) {
    this.#paint = paint
    this.#width = width
    this.#road = roadRenderer(paint, width)
  }

  event(event: ConveneEvent): string {
    switch (event.type) {
      case 'colloquy.convene.started':
        return this.#started(event.data)
      case 'colloquy.convene.contribution':
        return this.#contribution(event.data)
      case 'colloquy.convene.ballot':
        this.#ballots.push(event.data)
        return ''
      case 'colloquy.convene.proposed':
        return this.#proposed(event.data)
      case 'colloquy.convene.concluded':
        return this.#concluded(event.data)
      case 'colloquy.convene.acting':
        return `${this.#paint('dim', wrap(actingText(event.data, words), this.#width, '  '))}\n\n`
      case 'colloquy.convene.acted':
        return this.#acted(event.data)
      case 'colloquy.convene.discussed':
      case 'colloquy.convene.contested':
      case 'colloquy.convene.debated':
      case 'colloquy.convene.sealed':
        return this.#road(event)
      default:
        return ''
    }
  }

  speaker(name: string): string {
    let at = this.#speakers.indexOf(name)
    if (at < 0) at = this.#speakers.push(name) - 1
    return this.#paint(['bold', speakerColours[at % speakerColours.length] ?? 'cyan'], printable(name))
  }

  #started(started: Started): string {
    this.#opening = started
    this.#rounds = started.discussion.rounds
    this.#options = started.options
    const paint = this.#paint
    const options = started.options.map((option, at) => `  ${at + 1}. ${printable(option)}`)
    const people = started.participants.map((each) => {
      const facts = [
        each.kind,
        each.persona,
        each.stance && `speaks for: ${each.stance}`,
        each.weight !== 1 && `weight ${each.weight}`,
      ]
      return `  ${this.speaker(each.name)}  ${paint('dim', printable(facts.filter(Boolean).join(' · ')))}`
    })
    const { documents, bytes } = started.evidence
    const evidence = `${documents} ${documents === 1 ? 'document' : 'documents'}, ${Math.ceil(bytes / 1024)} KiB`
    const note = extractiveNote(started)
    return [
      paint('bold', wrap(printable(started.topic), this.#width)),
      '',
      ...options,
      '',
      ...people,
      `  ${paint('dim', `evidence: ${evidence} · rule: ${printable(ruleText(started.poll.rule))} · seed: ${String(started.seed)}`)}`,
      ...(note === undefined ? [] : [paint('dim', wrap(note, this.#width, '  '))]),
      '\n',
    ].join('\n')
  }

  #contribution(contribution: Contributed): string {
    const heading = contribution.round === this.#round ? '' : this.#heading(contribution.round)
    this.#round = contribution.round
    const paint = this.#paint
    const who = `${this.speaker(contribution.participant)} ${paint('dim', this.#facts(contribution))}`
    if (contribution.status === 'absent') {
      const why = wrap(`absent: ${printable(contribution.reason ?? 'no reason given')}`, this.#width, '  ')
      return `${heading}${who}\n${paint('yellow', why)}\n\n`
    }
    const body = wrap(printable(contribution.text), this.#width, '  ')
    const notes = (contribution.notes ?? []).map((note) => `  ${paint('yellow', `note: ${printable(note)}`)}`)
    return `${heading}${[who, body, ...this.#quotes(contribution), ...notes].join('\n')}\n\n`
  }

  #facts(contribution: Contributed): string {
    const answers = contribution.answers.length > 0 ? ` · answers ${contribution.answers.join(', ')}` : ''
    return `${contribution.id} · ${printable(contribution.kind)}${answers}`
  }

  /** The quotes again with their places, unless the text names the place itself. */
  #quotes(contribution: Contributed): string[] {
    return contribution.quotes
      .filter((quote) => !quote.verified || !contribution.text.includes(`${quote.source}:${quote.line}`))
      .map((quote) => {
        const place = this.#paint('dim', `${printable(quote.source)}:${quote.line}`)
        const mark = quote.verified ? place : `${place} ${this.#paint('red', 'not found in the source')}`
        return `${wrap(`"${printable(quote.text)}"`, this.#width, '    ')}\n    ${mark}`
      })
  }

  #heading(round: number): string {
    const title = round === 0 ? 'First drafts, each sealed from the others' : `Round ${round} of ${this.#rounds}`
    return `${this.#rule(title)}\n\n`
  }

  #proposed({ group, key }: OutcomeProposed): string {
    const text = `The outcome is proposed to the raft group ${printable(group)} with the key ${key.session}/${key.sequence}; nothing counts before it is committed.`
    return `${this.#paint('dim', wrap(text, this.#width))}\n\n`
  }

  #concluded(concluded: Concluded): string {
    const paint = this.#paint
    const stopped = concluded.status === 'stopped'
    if (stopped) this.#round = -1
    const parts = stopped ? [] : [this.#ballotTable(), this.#matrix(concluded)]
    const explanation = concluded.explanation.map((sentence) => wrap(printable(sentence), this.#width, '  '))
    const { usage } = concluded
    const tokens = tokensText(usage)
    const ended = concluded.ended ? ` · discussion ended: ${endText[concluded.ended]}` : ''
    return [
      ...parts.filter((part) => part !== ''),
      paint(['bold', statusColour[concluded.status]], headline(concluded)),
      ...explanation,
      ...committedLines(concluded),
      ...notActingText(this.#opening, concluded, words).map((line) => wrap(line, this.#width, '  ')),
      '',
      paint('dim', `  ${usage.turns} contributions · ${tokens}${ended}`),
      '',
    ].join('\n')
  }

  /** How the action stands in the first line, what to know of it in the others. */
  #acted(acted: Acted): string {
    const [first = '', ...more] = actedText(acted, words)
    const head = this.#paint(['bold', actedColour[acted.status]], wrap(first, this.#width))
    return `${[head, ...more.map((line) => wrap(line, this.#width, '  '))].join('\n')}\n`
  }

  /** Whom the ballots put above whom: what fits a terminal of the count; the minutes hold all its tables. */
  #matrix({ outcome }: Concluded): string {
    if (!outcome?.matrix) return ''
    const { matrix, candidates } = outcome
    const columns = candidates.map((_, at) => String(at + 1).padStart(6)).join('')
    const room = Math.max(16, Math.min(60, this.#width - columns.length - 8))
    const rows = matrix.map((row, at) => {
      const name = `${at + 1}. ${printable(candidates[at] ?? '')}`.slice(0, room).padEnd(room)
      return `  ${name}${row.map((cell) => (cell === '' ? '-' : cell).padStart(6)).join('')}`
    })
    const title = 'Weight of the ballots that put the row above the column'
    return `${this.#rule(title)}\n\n  ${''.padEnd(room)}${columns}\n${rows.join('\n')}\n`
  }

  #rule(title: string): string {
    return this.#paint('dim', `── ${title} ${'─'.repeat(Math.max(0, this.#width - title.length - 4))}`)
  }

  /** Ballots by the options' numbers, which stand at the top and in the matrix; then the reasons. */
  #ballotTable(): string {
    const ballots = this.#ballots.splice(0)
    if (ballots.length === 0) return ''
    const widest = Math.max(5, ...ballots.map((each) => printable(each.participant).length))
    const gap = (name: string) => ' '.repeat(widest - printable(name).length)
    const rows = ballots.map((each) => {
      const status = each.status === 'delegated' ? `lets ${printable(each.to ?? '')} vote` : each.status
      const said = each.status === 'cast' ? this.#byNumber(each.ballot) : this.#paint('yellow', status)
      return `  ${this.speaker(each.participant)}${gap(each.participant)}  ${String(each.weight).padStart(6)}  ${said}`
    })
    const reasons = ballots
      .filter((each) => each.reason !== '')
      .map((each) =>
        this.#paint('dim', wrap(`${printable(each.participant)}: ${printable(each.reason)}`, this.#width, '  ')),
      )
    const head = this.#paint('dim', `  ${'voter'.padEnd(widest)}  weight  ballot`)
    return `${this.#rule('Ballots')}\n\n${[head, ...rows].join('\n')}\n\n${reasons.join('\n')}\n`
  }

  #byNumber(ballot: Ballot): string {
    const number = (option: string) => String(this.#options.indexOf(option) + 1)
    switch (ballot.kind) {
      case 'ranked':
        return ballot.ranking.map((level) => level.map(number).join(' = ')).join(' > ')
      case 'approval':
        return ballot.approves.map(number).join(', ')
      case 'single':
        return number(ballot.choice)
      case 'grades':
        return Object.entries(ballot.grades)
          .map(([option, grade]) => `${number(option)}: ${grade}`)
          .join(', ')
      case 'abstain':
      default:
        return 'abstains'
    }
  }
}

const statusColour = {
  decided: 'green',
  tied: 'yellow',
  'no-winner': 'yellow',
  'no-quorum': 'yellow',
  stopped: 'yellow',
} as const

const actedColour = {
  completed: 'green',
  compensated: 'yellow',
  'needs-attention': 'red',
  refused: 'red',
  stopped: 'yellow',
} as const

const words = { escape: printable, code: printable }

const endText = {
  rounds: 'all rounds were held',
  exhausted: 'nobody had anything new',
  turns: 'the budget of turns is used up',
  tokens: 'the budget of tokens is used up',
  usd: 'the budget of money is used up',
  time: 'the budget of time is used up',
  loop: 'the talk went in a circle',
  consensus: 'all held the same',
  stable: 'positions moved no more',
  'no-new': 'no argument was new',
  repetition: 'a speaker repeated itself',
  confident: 'all agreed and were sure',
  phrase: 'the closing phrase was said',
  stopped: 'a person stopped it',
  signal: 'it was called off',
} as const

/** `stv (seats 2, quota hare)`. */
function ruleText(rule: RuleSpec): string {
  if (typeof rule === 'string') return rule
  const { name, ...options } = rule
  return `${name} (${Object.entries(options)
    .map(([option, value]) => `${option} ${String(value)}`)
    .join(', ')})`
}

function committedLines({ commit }: Concluded): string[] {
  return commit
    ? [`  Committed by the raft group ${printable(commit.group)}: index ${commit.index}, term ${commit.term}`]
    : []
}

function headline(concluded: Concluded): string {
  const names = concluded.winners.map((each) => printable(each))
  switch (concluded.status) {
    case 'decided':
      return `Decided by ${concluded.rule}: ${names.join(', ')}`
    case 'tied':
      return `Tied by ${concluded.rule}: ${names.join(' = ')}`
    case 'no-winner':
      return `Nobody meets what ${concluded.rule} demands: nothing is decided`
    case 'no-quorum':
      return 'No quorum: nothing is decided'
    case 'stopped':
    default:
      return 'Stopped before a decision'
  }
}

/** What to keep of a record, to tell later that it was not changed. */
export function headLine(events: readonly TranscriptItem[]): string {
  const { head, items } = headOf(events)
  return `\n  Record of ${items} items, head ${head}\n`
}
