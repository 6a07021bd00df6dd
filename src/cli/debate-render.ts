/**
 * A debate as a person reads it in a terminal: motion and sides, each speech under its phase with its quotes, the polls of the
 * audience, what each judge found in each order, the verdict and what may have swayed it. Unlike the renderer of a convening it
 * says sides and letters. It turns events into text and decides nothing.
 */
import type { DebateConcluded, DebateEvent, DebateStarted } from '../convene/debate-event.ts'
import type { AudienceItem, DebateItem, JudgementItem, SpokenItem } from '../deliberation/core/debate-record.ts'
import type { JudgeVote } from '../deliberation/core/debate-verdict.ts'
import { painter, printable, wrap } from './terminal.ts'
import type { Paint } from './terminal.ts'

export interface DebateRenderer {
  /** The text of one more event, with its line end. */
  event(event: DebateEvent): string
}

export function debateRenderer(output: { readonly columns: number; readonly colour: boolean }): DebateRenderer {
  return new TerminalRenderer(painter(output.colour), Math.min(output.columns, 110))
}

const sideColours = ['cyan', 'magenta', 'yellow', 'green', 'blue', 'red'] as const

class TerminalRenderer implements DebateRenderer {
  readonly #paint: Paint
  readonly #width: number
  #started: DebateStarted | undefined
  #heading = ''
  #finder = new Map<string, number>()

  constructor(paint: Paint, width: number) {
    this.#paint = paint
    this.#width = width
  }

  event(event: DebateEvent): string {
    switch (event.type) {
      case 'colloquy.debate.started':
        this.#started = event.data
        return this.#opened(event.data)
      case 'colloquy.debate.item':
        return this.#item(event.data)
      case 'colloquy.debate.concluded':
      default:
        return this.#concluded(event.data)
    }
  }

  #opened(started: DebateStarted): string {
    const sides = started.sides.flatMap(({ name, position, speakers }) => [
      `  ${this.#side(name)}  ${this.#paint('dim', speakers.map((each) => `${printable(each.name)} (${printable(each.kind)})`).join(', '))}`,
      wrap(printable(position), this.#width, '      '),
    ])
    const judges = started.judges.map(({ name, kind }) => `${printable(name)} (${printable(kind)})`)
    const { documents, bytes, onFail } = started.evidence
    const facts = [
      `format: ${started.format}, decided by the ${started.decision}`,
      started.audience.length > 0 ? `audience: ${started.audience.map(printable).join(', ')}` : '',
      judges.length > 0 ? `judges: ${judges.join(', ')}` : '',
      `rubric: ${started.rubric.map(({ name, weight }) => `${printable(name)} ${weight}`).join(', ')}`,
      `evidence: ${documents} documents, ${Math.ceil(bytes / 1024)} KiB; quotes that fail are ${onFail === 'strike' ? 'struck' : 'flagged'}`,
      `seed: ${String(started.seed)}`,
    ]
    return [
      this.#paint('bold', wrap(printable(started.motion), this.#width)),
      '',
      ...sides,
      '',
      ...facts.filter((fact) => fact !== '').map((fact) => this.#paint('dim', wrap(fact, this.#width, '  '))),
      '\n',
    ].join('\n')
  }

  #item(item: DebateItem): string {
    switch (item.item) {
      case 'contribution':
        return this.#spoken(item)
      case 'audience':
        return this.#vote(item)
      case 'judgement':
        return this.#judgement(item)
      case 'stop':
      default:
        return `${this.#paint('yellow', 'The time is used up; what was said so far is judged.')}\n\n`
    }
  }

  #spoken(item: SpokenItem): string {
    const act = item.act ?? 'speech'
    const answers = item.answers.length > 0 ? ` · answers ${item.answers.join(', ')}` : ''
    const who = `${this.#side(item.side)} ${printable(item.participant)} ${this.#paint('dim', `${item.id} · ${act}${answers}`)}`
    const heading = this.#under(item.phase)
    if (item.status === 'absent') {
      const why = wrap(`absent: ${printable(item.reason ?? 'no reason given')}`, this.#width, '  ')
      return `${heading}${who}\n${this.#paint('yellow', why)}\n\n`
    }
    const notes = (item.notes ?? []).map((note) =>
      this.#paint('yellow', wrap(`note: ${printable(note)}`, this.#width, '  ')),
    )
    const struck = (item.struck ?? []).map((quote) =>
      this.#paint('red', wrap(`struck: "${printable(quote.text)}"`, this.#width, '    ')),
    )
    const body = wrap(printable(item.text), this.#width, '  ')
    return `${heading}${[who, body, ...this.#quotes(item), ...struck, ...notes].join('\n')}\n\n`
  }

  /** The quotes again with their places, unless the text names the place itself. */
  #quotes(item: SpokenItem): string[] {
    return item.quotes
      .filter((quote) => !quote.verified || !item.text.includes(`${quote.source}:${quote.line}`))
      .map((quote) => {
        const place = this.#paint('dim', `${printable(quote.source)}:${quote.line}`)
        const mark = quote.verified ? place : `${place} ${this.#paint('red', 'not found in the source')}`
        return `${wrap(`"${printable(quote.text)}"`, this.#width, '    ')}\n    ${mark}`
      })
  }

  #vote(item: AudienceItem): string {
    const said =
      item.status === 'absent' ? this.#paint('yellow', 'absent') : item.side ? this.#side(item.side) : 'undecided'
    const reason =
      item.reason === '' ? '' : `\n${this.#paint('dim', wrap(printable(item.reason), this.#width, '    '))}`
    return `${this.#under(item.phase)}  ${printable(item.participant)}: ${said}${reason}\n`
  }

  #judgement(item: JudgementItem): string {
    const title = item.stage === 'before' ? 'Judges before any talk, the independent vote' : 'Judges after the debate'
    const letters = item.order.map((side, at) => `${'ABCDEFGHIJ'[at] ?? '?'} is ${printable(side)}`).join(', ')
    const head = `  ${printable(item.judge)} ${this.#paint('dim', `(${letters})`)}`
    const scores = Object.entries(item.scores ?? {}).map(([side, points]) => {
      const told = Object.entries(points).map(([name, score]) => `${printable(name)} ${score}`)
      return `    ${this.#side(side)}  ${told.join(', ')}`
    })
    const status = item.status === 'given' ? [] : [`    ${this.#paint('yellow', item.status)}`]
    const reason = item.reason === '' ? [] : [this.#paint('dim', wrap(printable(item.reason), this.#width, '    '))]
    return `${this.#under(title)}${[head, ...status, ...scores, ...reason].join('\n')}\n\n`
  }

  #concluded(report: DebateConcluded): string {
    const { verdict } = report
    const paint = this.#paint
    const lines = [
      ...this.#audience(report),
      ...report.judges.map((vote) => this.#judge(vote)),
      ...report.flips.map((flip) => {
        const when =
          flip.after === undefined
            ? ''
            : flip.since === undefined
              ? ` after ${flip.after}`
              : ` between ${flip.since} and ${flip.after}`
        return `${printable(flip.who)} (${flip.role}) went from ${printable(flip.from)} to ${printable(flip.to)}${when}.`
      }),
      ...report.dissents.map(
        (each) => `Dissent of ${printable(each.judge)}, for ${each.first.join(' and ')}: ${printable(each.reason)}`,
      ),
      ...measured(report),
      ...(report.baseline?.words ?? []),
    ]
    const cost = report.cost.sides.map(({ side, usage, turns, absent, struck }) => {
      const more = [absent > 0 ? `${absent} absent` : '', struck > 0 ? `${struck} quotes struck` : ''].filter(
        (part) => part !== '',
      )
      return `${side}: ${turns} turns, ${usage.inputTokens + usage.outputTokens} tokens${usage.estimated ? ' by estimate' : ''}${more.length > 0 ? `, ${more.join(', ')}` : ''}`
    })
    this.#heading = ''
    return [
      `${this.#under('Verdict')}${paint(['bold', verdict.status === 'decided' ? 'green' : 'yellow'], headline(report))}`,
      ...lines.map((line) => wrap(line, this.#width, '  ')),
      '',
      ...cost.map((line) => paint('dim', wrap(line, this.#width, '  '))),
      ...(report.ended === 'held' ? [] : [paint('dim', `  ended early: ${report.ended}`)]),
      '',
    ].join('\n')
  }

  #audience({ audience }: DebateConcluded): string[] {
    if (!audience) return []
    const moves = Object.keys(audience.before).map(
      (side) => `${side} ${audience.before[side]} → ${audience.after[side]} (${signed(audience.gain[side] ?? 0)})`,
    )
    const left = audience.leftOut > 0 ? `; ${audience.leftOut} missed a poll and are not counted` : ''
    return [
      `Audience of ${audience.counted}: ${moves.join(', ')}, undecided ${audience.undecidedBefore} → ${audience.undecidedAfter}${left}.`,
    ]
  }

  #judge(vote: JudgeVote): string {
    const first = vote.ranking?.[0]
    const said = first ? `“${first.join('” and “')}” first` : `${vote.status}, ${vote.why ?? ''}`
    const orders = vote.flipped ? ', though the order of hearing turned it' : ''
    return `Judge ${printable(vote.judge)}: ${printable(said)}${orders}.`
  }

  #under(title: string): string {
    if (title === this.#heading) return ''
    const gap = this.#heading.startsWith('audience') ? '\n' : ''
    this.#heading = title
    const shown = printable(title)
    const rule = `── ${shown[0]?.toUpperCase() ?? ''}${shown.slice(1)} ${'─'.repeat(Math.max(0, this.#width - shown.length - 4))}`
    return `${gap}${this.#paint('dim', rule)}\n\n`
  }

  #side(name: string): string {
    const known = this.#started?.sides.findIndex((side) => side.name === name) ?? -1
    const at = known >= 0 ? known : (this.#finder.get(name) ?? this.#finder.size)
    return this.#paint(['bold', sideColours[at % sideColours.length] ?? 'cyan'], printable(name))
  }
}

function signed(value: number): string {
  return value > 0 ? `+${value}` : String(value)
}

function headline({ verdict }: DebateConcluded): string {
  const by = { judges: 'by the judges', audience: 'by what the audience moved', forfeit: 'since nobody else is left' }[
    verdict.by
  ]
  if (verdict.status === 'open') return `Open: nobody could say, ${by}`
  if (verdict.status === 'tied') return `Tied ${by}: ${verdict.ranking[0]!.map(printable).join(' = ')}`
  const rest =
    verdict.ranking.length > 2
      ? ` (${verdict.ranking.map((level) => level.map(printable).join(' = ')).join(' > ')})`
      : ''
  return `Won ${by}: ${printable(verdict.winner ?? '')}${rest}`
}

/** Agreement and biases, each with what it rests on; nothing where there is nothing to rest on. */
function measured({ agreement, lengthBias, selfPreference, judges, orderFlips }: DebateConcluded): string[] {
  const lines: string[] = []
  if (judges.length > 1) {
    const alpha = ({ alpha, units, values }: typeof agreement.nominal) =>
      alpha === undefined ? 'undefined, for nothing varies' : `${alpha.toFixed(2)} (${values} values in ${units} units)`
    lines.push(
      `Krippendorff's alpha of the points: ${alpha(agreement.interval)}; of who is better: ${alpha(agreement.nominal)}.`,
    )
  }
  if (orderFlips.length > 0)
    lines.push(`The order of hearing turned the verdict of ${orderFlips.map(printable).join(', ')}.`)
  if (lengthBias.r !== undefined)
    lines.push(`Points go with length at r = ${lengthBias.r.toFixed(2)} (n = ${lengthBias.n}).`)
  if (selfPreference.difference !== undefined)
    lines.push(
      `Judges gave their own kind ${signed(Number(selfPreference.difference.toFixed(2)))} points (n = ${selfPreference.n}).`,
    )
  return lines
}
