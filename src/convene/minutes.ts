/**
 * Minutes: a convening as a Markdown document for people who were not there. Events in, text out. What participants
 * said is quoted and escaped, so that it cannot pass for the minutes' own words.
 */
import { cleanText } from '../deliberation/clean.ts'
import type { Usage } from '../deliberation/participant.ts'
import type { Ballot } from '../vote/ballot.ts'
import { countTables } from '../vote/explain.ts'
import type { Outcome } from '../vote/outcome.ts'
import { actedText, actingText, notActingText, openActionText } from './action-text.ts'
import type { ActionWords } from './action-text.ts'
import { conveneTypes } from './event.ts'
import { headOf } from './transcript.ts'
import { RoadMinutes, auditText, isRoadEvent } from './road-minutes.ts'
import type { Acting, Balloted, Concluded, Contributed, ConveneEvent, OutcomeProposed, Started } from './event.ts'

/** The minutes of a record, oldest event first. */
export function minutes(events: readonly ConveneEvent[]): string {
  const sections: string[] = []
  let round = -1
  const ballots: Balloted[] = []
  let started: Started | undefined
  const road = new RoadMinutes({ escape, block, ballotText })
  for (const event of events) {
    if (event.type === conveneTypes.started) {
      started = event.data
      sections.push(opening(event.data, event.time))
    } else if (event.type === conveneTypes.contribution) {
      if (event.data.round !== round) {
        round = event.data.round
        sections.push(round === 0 ? '## First drafts (sealed)' : `## Round ${round}`)
      }
      sections.push(contribution(event.data))
    } else if (event.type === conveneTypes.ballot) ballots.push(event.data)
    else if (isRoadEvent(event)) sections.push(...road.section(event))
    else if (event.type === conveneTypes.proposed) sections.push(proposal(event.data, event.time))
    else if (event.type === conveneTypes.acting) sections.push(acting(event.data, event.time))
    else if (event.type === conveneTypes.acted)
      sections.push(actedText(event.data, actionWords).join('\n\n'), `_Looked at ${event.time ?? ''}._`)
    else if (event.data.status === 'stopped') {
      // The talk goes on below with the heading of its round again; ballots are shown once, when all are in.
      round = -1
      sections.push(`_Stopped ${event.time ?? ''}._`)
    } else {
      if (ballots.length > 0) sections.push(ballotSection(ballots))
      sections.push(conclusion(event.data, event.time), ...notActingText(started ?? {}, event.data, actionWords))
    }
  }
  sections.push(...openActionText(events, actionWords))
  const { head, items } = headOf(events)
  sections.push(`Record of ${items} items, head \`${head}\`; \`colloquy verify\` checks a transcript against it.`)
  return `${sections.join('\n\n')}\n`
}

/** What a reader must know when plain code sits on the panel; undefined when none does. */
export function extractiveNote(started: Started): string | undefined {
  return started.participants.some((each) => each.kind === 'extractive')
    ? 'An extractive participant is plain code, not a language model: it ranks passages and says only what it can quote.'
    : undefined
}

/** Tokens in all, and whether they were counted or estimated. */
export function tokensText({ inputTokens, outputTokens, estimated }: Usage): string {
  return `${inputTokens + outputTokens} tokens${estimated ? ' (estimated)' : ''}`
}

/** A ballot in one line: `A > B = C`; `A, B`; `A`; `abstains`. */
export function ballotText(ballot: Ballot): string {
  switch (ballot.kind) {
    case 'ranked':
      return ballot.ranking.map((level) => level.join(' = ')).join(' > ')
    case 'approval':
      return ballot.approves.length === 0 ? 'approves none' : ballot.approves.join(', ')
    case 'single':
      return ballot.choice
    case 'grades':
      return Object.entries(ballot.grades)
        .map(([option, grade]) => `${option}: ${grade}`)
        .join(', ')
    case 'abstain':
    default:
      return 'abstains'
  }
}

function opening(started: Started, time: string | undefined): string {
  const people = started.participants.map((each) => {
    const facts = [each.kind, each.persona, each.stance && `speaks for: ${each.stance}`, `weight ${each.weight}`]
    return `- **${escape(each.name)}**: ${escape(facts.filter(Boolean).join('; '))}`
  })
  const note = extractiveNote(started)
  return [
    `# ${escape(started.topic)}`,
    `Convened ${time ?? ''} over ${started.evidence.documents} documents. Identity \`${started.convening}\`, seed \`${code(String(started.seed))}\`.`,
    `Options:\n\n${started.options.map((option, at) => `${at + 1}. ${escape(option)}`).join('\n')}`,
    `Participants:\n\n${people.join('\n')}`,
    ...(note === undefined ? [] : [note]),
  ].join('\n\n')
}

function contribution(said: Contributed): string {
  const answers = said.answers.length > 0 ? `, answering ${said.answers.join(', ')}` : ''
  const head = `### ${said.id} ${escape(said.participant)} (${escape(said.kind)}${answers})`
  if (said.status === 'absent') return `${head}\n\n_Absent: ${escape(said.reason ?? '')}_`
  const quotes = said.quotes.map((quote) => {
    const mark = quote.verified ? '' : ' **(not found in the source)**'
    return `- "${escape(quote.text)}" (\`${code(quote.source)}:${quote.line}\`)${mark}`
  })
  const notes = (said.notes ?? []).map((note) => `_Note: ${escape(note)}_`)
  return [head, block(said.text), ...(quotes.length > 0 ? [`Sources:\n\n${quotes.join('\n')}`] : []), ...notes].join(
    '\n\n',
  )
}

function ballotSection(ballots: readonly Balloted[]): string {
  const rows = ballots.map(
    (each) => `| ${escape(each.participant)} | ${each.weight} | ${escape(saidText(each))} | ${escape(each.reason)} |`,
  )
  return ['## Ballots', ['| voter | weight | ballot | reason |', '| --- | --- | --- | --- |', ...rows].join('\n')].join(
    '\n\n',
  )
}

function saidText({ status, to = '', ballot }: Balloted): string {
  if (status === 'absent') return 'absent'
  return status === 'delegated' ? `lets ${to} vote` : ballotText(ballot)
}

function conclusion(concluded: Concluded, time: string | undefined): string {
  const tables = concluded.outcome ? countTables(escaped(concluded.outcome)) : []
  const winners = concluded.winners.map((each) => `**${escape(each)}**`).join(', ')
  const headline = {
    decided: `Decided by ${concluded.rule}: ${winners}.`,
    tied: `Tied by ${concluded.rule}: ${winners}.`,
    'no-winner': `Nobody meets what ${concluded.rule} demands: nothing is decided.`,
    'no-quorum': 'No quorum: nothing is decided.',
    stopped: 'Stopped before a decision.',
  }[concluded.status]
  const { usage } = concluded
  return [
    '## Outcome',
    headline,
    ...committed(concluded),
    ...auditText(concluded),
    ...concluded.explanation.map((sentence) => escape(sentence)),
    ...tables.map(({ title, table }) => `${escape(title)}:\n\n${table}`),
    `${usage.turns} contributions, ${tokensText(usage)}. Concluded ${time ?? ''}.`,
  ].join('\n\n')
}

function proposal({ group, key, digest }: OutcomeProposed, time: string | undefined): string {
  return `_Proposed to the raft group \`${code(group)}\` ${time ?? ''} with the key ${key.session}/${key.sequence}, outcome \`${digest}\`._`
}

function acting(asked: Acting, time: string | undefined): string {
  return `## Action\n\n${actingText(asked, actionWords)} Asked for ${time ?? ''}.`
}

function committed({ commit }: Concluded): string[] {
  return commit
    ? [`Committed by the raft group \`${code(commit.group)}\`: index ${commit.index}, term ${commit.term}.`]
    : []
}

/** The outcome with names that are shown as they are in a table. */
function escaped(outcome: Outcome): Outcome {
  const names = new Map(outcome.candidates.map((candidate) => [candidate, escape(candidate)]))
  // Names stand in many places of an outcome, and nothing else in it is as long as to be one of them by chance.
  return JSON.parse(JSON.stringify(outcome), (_key, value: unknown) => names.get(value as string) ?? value) as Outcome
}

/** A command may hold signs of Markdown; inside of backticks they are shown. */
const actionWords: ActionWords = { escape, code: (text) => `\`${code(text)}\`` }

/** Markdown's own signs and HTML in what somebody else wrote are shown, not obeyed. */
function escape(text: string): string {
  return withoutSigns(cleanText(text, 1_000_000).replace(/\s*\n\s*/g, ' '))
}

function withoutSigns(text: string): string {
  return text.replace(/[\\`*_[\]<>|#]/g, '\\$&')
}

function code(text: string): string {
  return cleanText(text, 1000).replaceAll('`', "'")
}

function block(text: string): string {
  const lines = cleanText(text, 1_000_000)
    .split('\n')
    .map((line) => `> ${withoutSigns(line)}`.trimEnd())
  // A backslash at its end keeps a line a line; before and after an empty one it would be shown.
  return lines.join('\\\n').replace(/\\\n>\\?(?=\n)/g, '\n>')
}
