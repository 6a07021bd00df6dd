/**
 * What can be checked of a transcript offline: that it is whole and unchanged, that quotes stand in their sources, that ballots are valid, and
 * that the tally gives the outcome it states. Unlike the run that made it, it trusts nothing in the file; it never repairs.
 *
 * | check | what it says |
 * | --- | --- |
 * | `record` | every line is in canonical form, each link follows from all before it, and the end states the last one |
 * | `anchor` | the head is the one that was handed in; without one `unanchored`: whoever rewrites the whole file can link it anew |
 * | `signature` | it is that of the key that was handed in |
 * | `quotes` | each quote that counts as verified stands word for word in its source, and the source is the recorded one |
 * | `ballots` | each was cast by a participant, once, and is one that the rule takes |
 * | `tally` | the recorded ballots, counted anew by the declared rule, give the recorded outcome |
 * | `action` | what the outcome started is what the agenda asked for, on this record, and what is told of it is told of that run |
 * | `audit` | of a sealed poll: commitments, reveals and count fit, as far as its secrecy lets anybody see |
 */
import { verify as verifySignature } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { canonicalJson } from '../base/canonical.ts'
import { messageOf } from '../base/error.ts'
import { RecordChain, signedBytes } from '../deliberation/core/chain.ts'
import { countPoll, electionOfVotes } from '../deliberation/count-poll.ts'
import type { Document } from '../deliberation/document.ts'
import { sha256 } from '../deliberation/poll-plan.ts'
import { quoteFinder } from '../deliberation/quote.ts'
import { checkBallot } from '../vote/check.ts'
import { verifyAudit } from '../vote/commit-reveal-audit.ts'
import { ruleFrom } from '../vote/rule-from.ts'
import { tieChain } from '../vote/tie.ts'
import { conveneTypes, isFinal, startsAction } from './event.ts'
import type { Concluded, ConveneData, ConveneEvent, ConveneType, Started } from './event.ts'
import { actionRun, conveningPrefix } from './identity.ts'
import { pollPlanOf } from './poll-stage.ts'
import { headOf, transcriptFormat } from './transcript.ts'
import type { TranscriptItem } from './transcript.ts'

export type CheckStatus = 'ok' | 'failed' | 'unanchored' | 'not checked'

export interface Check {
  readonly name: 'record' | 'anchor' | 'signature' | 'quotes' | 'ballots' | 'tally' | 'audit' | 'action'
  readonly status: CheckStatus
  /** What was found, in a sentence. */
  readonly detail: string
}

export interface Verification {
  /** False as soon as one check failed. */
  readonly holds: boolean
  /** Of the file, where its record is whole. */
  readonly head?: string
  readonly checks: readonly Check[]
}

export interface VerifyOptions {
  /** From the minutes, or from whoever holds it: 64 characters of hex. */
  readonly head?: string
  /** The ed25519 public key of whoever signed. */
  readonly key?: KeyObject
  /** The documents that are quoted, as far as they are at hand. */
  readonly documents?: readonly Document[]
}

/** Bytes of a transcript; a larger one is refused by whoever reads it. */
export const transcriptMaxBytes: number = 256 * 1024 * 1024

/** Checks the text of a file. It throws nothing for any text. */
export function verifyTranscript(text: string, options: VerifyOptions = {}): Verification {
  const read = readTranscript(text)
  if ('fault' in read) {
    const record: Check = { name: 'record', status: 'failed', detail: read.fault }
    return { holds: false, checks: [record] }
  }
  const { items, head, signature } = read
  const checks: Check[] = [
    { name: 'record', status: 'ok', detail: `${items.length} items, head ${head}` },
    anchorCheck(head, options.head),
    signatureCheck(read, signature, options.key),
    guarded('quotes', () => quotesCheck(items, options.documents)),
  ]
  const started = dataOf(items, conveneTypes.started)[0]
  const concluded = dataOf(items, conveneTypes.concluded).at(-1)
  if (started) {
    checks.push(guarded('ballots', () => ballotsCheck(items, started)))
    if (concluded) checks.push(guarded('tally', () => tallyCheck(items, started, concluded)))
    if (concluded?.audit) checks.push(guarded('audit', () => auditCheck(concluded)))
    if (started.action || items.some(isOfAction)) checks.push(guarded('action', () => actionCheck(items, started)))
  } else if (concluded)
    checks.push({
      name: 'tally',
      status: 'failed',
      detail: 'a conclusion stands in it, and nothing that began: what was voted on is not told',
    })
  return { holds: checks.every(({ status }) => status !== 'failed'), head, checks }
}

interface Read {
  readonly items: readonly TranscriptItem[]
  readonly head: string
  readonly signature: string | undefined
}

function readTranscript(text: string): Read | { readonly fault: string } {
  const lines = text.split('\n')
  if (lines.pop() !== '') return { fault: 'the last line has no end: the file was cut, or added to' }
  const [first, ...rest] = lines
  const last = rest.pop()
  if (first !== canonicalJson({ format: transcriptFormat }) || last === undefined)
    return { fault: `line 1 is not that of a transcript (${transcriptFormat})` }
  const chain = new RecordChain(sha256)
  const items: TranscriptItem[] = []
  for (const [at, line] of rest.entries()) {
    const item = parsed(line)
    const { type, data, link } = item ?? {}
    if (typeof type !== 'string' || !isCanonical(line, { type, data, link }))
      return { fault: `line ${at + 2} is not an item in canonical form` }
    if (chain.add({ type, data }) !== link)
      return {
        fault: `line ${at + 2} does not follow from the lines before it: it, or one of them, was changed, moved, added or taken out`,
      }
    items.push({ type, data })
  }
  const { head, items: count, signature } = parsed(last) ?? {}
  if (!isCanonical(last, { head, items: count, signature })) return { fault: 'the last line is not in canonical form' }
  if (head !== chain.head || count !== items.length)
    return {
      fault: `the last line states ${String(count)} items and another head: items at the end were taken out or added`,
    }
  return { items, head: chain.head, signature: typeof signature === 'string' ? signature : undefined }
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** Whether the line is the one text of these fields: no white space, no order, no escape that could be otherwise. */
function isCanonical(line: string, fields: object): boolean {
  try {
    return canonicalJson(fields) === line
  } catch {
    return false
  }
}

function anchorCheck(head: string, wanted: string | undefined): Check {
  const name = 'anchor'
  if (wanted === undefined)
    return {
      name,
      status: 'unanchored',
      detail: 'no head was given: whoever rewrote the whole file could have linked it anew',
    }
  return wanted.toLowerCase() === head
    ? { name, status: 'ok', detail: 'the head is the one that was given' }
    : {
        name,
        status: 'failed',
        detail: `the head is ${head} and ${wanted.slice(0, 80)} was given: this is another record`,
      }
}

function signatureCheck({ head, items }: Read, signature: string | undefined, key: KeyObject | undefined): Check {
  const name = 'signature'
  if (signature === undefined)
    return key
      ? { name, status: 'failed', detail: 'the file is not signed' }
      : { name, status: 'not checked', detail: 'the file is not signed' }
  if (!key) return { name, status: 'not checked', detail: 'the file is signed, and no key was given' }
  const holds = verifySignature(null, signedBytes(head, items.length), key, Buffer.from(signature, 'base64'))
  return holds
    ? { name, status: 'ok', detail: 'signed by the key that was given' }
    : { name, status: 'failed', detail: 'the signature is not that of the key that was given over this record' }
}

interface Quoted {
  readonly text: string
  readonly source: string
}

function quotesCheck(items: readonly TranscriptItem[], documents: readonly Document[] | undefined): Check {
  const name = 'quotes'
  const quotes = items.flatMap(({ data }) => verifiedQuotes(data))
  if (quotes.length === 0) return { name, status: 'ok', detail: 'nothing is quoted' }
  if (!documents)
    return { name, status: 'not checked', detail: `${quotes.length} quotes, and their sources are not at hand` }
  const recorded = new Map(
    dataOf(items, conveneTypes.started).flatMap(({ evidence }) =>
      evidence.sources.map(({ source, hash }) => [source, hash]),
    ),
  )
  const bySource = new Map(documents.map((document) => [document.source, document]))
  const finder = quoteFinder(documents)
  for (const { text, source } of quotes) {
    const document = bySource.get(source)
    if (!document)
      return {
        name,
        status: 'failed',
        detail: `${JSON.stringify(source)} is quoted and not among the documents at hand`,
      }
    const hash = recorded.get(source)
    if (hash !== undefined && hash !== document.hash)
      return {
        name,
        status: 'failed',
        detail: `${JSON.stringify(source)} is not the document that was discussed: it has changed`,
      }
    if (!finder.find(text, source))
      return {
        name,
        status: 'failed',
        detail: `${JSON.stringify(text.slice(0, 80))} does not stand in ${JSON.stringify(source)}`,
      }
  }
  return { name, status: 'ok', detail: `${quotes.length} quotes stand word for word in their sources` }
}

/** Every quote that the record calls verified, wherever in the data it stands. */
function verifiedQuotes(data: unknown): readonly Quoted[] {
  if (typeof data !== 'object' || data === null) return []
  const { text, source, verified } = data as Record<string, unknown>
  if (verified === true && typeof text === 'string' && typeof source === 'string') return [{ text, source }]
  return Object.values(data).flatMap(verifiedQuotes)
}

function ballotsCheck(items: readonly TranscriptItem[], started: Started): Check {
  const name = 'ballots'
  const rule = ruleFrom(started.poll.rule)
  const weights = new Map(started.participants.map((each) => [each.name, each.weight]))
  const ballots = dataOf(items, conveneTypes.ballot)
  const seen = new Set<string>()
  for (const { participant, weight, status, ballot } of ballots) {
    if (!weights.has(participant) || weights.get(participant) !== weight)
      return { name, status: 'failed', detail: `${participant} has no vote of weight ${weight}` }
    if (seen.has(participant)) return { name, status: 'failed', detail: `${participant} voted twice` }
    seen.add(participant)
    const refused = status === 'cast' ? checkBallot(ballot, started.options, rule.accepts, rule.grading) : undefined
    if (refused !== undefined) return { name, status: 'failed', detail: `the ballot of ${participant}: ${refused}` }
  }
  return { name, status: 'ok', detail: `${ballots.length} ballots by name` }
}

function tallyCheck(items: readonly TranscriptItem[], started: Started, concluded: Concluded): Check {
  const name = 'tally'
  if (concluded.status === 'stopped') return { name, status: 'not checked', detail: 'it was stopped before its count' }
  if (concluded.audit)
    return {
      name,
      status: 'not checked',
      detail: 'the poll was sealed; its audit says what can be checked of the count',
    }
  const plan = pollPlanOf(started)
  const votes = dataOf(items, conveneTypes.ballot)
  const terms = { candidates: started.options, ...(plan.quorum && { quorum: plan.quorum }) }
  const election = electionOfVotes(votes, (voter) => plan.weights?.[voter] ?? 1, terms)
  const { outcome } = countPoll(ruleFrom(plan.rule), election, tieChain(plan.ties ?? [], started.seed), started.seed)
  const { status = 'no-winner', winners = [], ranking = [], tieSteps = [] } = outcome ?? {}
  const stated = {
    status: concluded.status,
    winners: concluded.winners,
    ranking: concluded.ranking,
    tieSteps: concluded.tieSteps,
  }
  return canonicalJson({ status, winners, ranking, tieSteps }) === canonicalJson(stated)
    ? {
        name,
        status: 'ok',
        detail: `counted anew by ${concluded.rule}: ${status}${winners.length > 0 ? `, ${winners.join(', ')}` : ''}`,
      }
    : {
        name,
        status: 'failed',
        detail: `counted anew it is ${status}, ${winners.join(', ')}; the record states ${stated.status}, ${stated.winners.join(', ')}`,
      }
}

function auditCheck({ audit }: Concluded): Check {
  const name = 'audit'
  if (!audit?.record)
    return {
      name,
      status: 'not checked',
      detail: 'the audit record was too large for an event; ask whoever held the poll',
    }
  const { holds, faults, open } = verifyAudit(audit.record, sha256, { head: audit.head })
  return {
    name,
    status: holds ? 'ok' : 'failed',
    detail: [...faults, ...open].join(' ') || 'commitments, reveals and count fit',
  }
}

function isOfAction({ type }: TranscriptItem): boolean {
  return type === conveneTypes.acting || type === conveneTypes.acted
}

/** What the saga did in truth stands in its own stream, of which a transcript has nothing. */
function actionCheck(items: readonly TranscriptItem[], started: Started): Check {
  const name = 'action'
  const fault = (detail: string): Check => ({ name, status: 'failed', detail })
  const at = items.findIndex((item) => isFinal(item as ConveneEvent))
  const due = at !== -1 && startsAction(started, items[at]?.data as Concluded)
  const first = items.findIndex(isOfAction)
  const { action } = started
  if (first === -1)
    return { name, status: 'ok', detail: due ? 'it is not recorded that it was started' : 'none was to be started' }
  if (!action || !due || first < at) return fault('an action was started that the outcome does not start')
  const asked = dataOf(items, conveneTypes.acting)
  if (asked.length > 1) return fault('it was asked for twice')
  if (asked[0] && canonicalJson(asked[0].record) !== canonicalJson(headOf(items.slice(0, at + 1))))
    return fault('it acts upon another record than this up to its conclusion')
  const told = [...asked, ...dataOf(items, conveneTypes.acted)]
  const run = actionRun(conveningPrefix(started.convening))
  const foreign = told.find(
    (each) => each.saga !== action.saga || !each.run.startsWith(run) || each.run !== told[0]?.run,
  )
  if (foreign) return fault(`${foreign.saga}, ${foreign.run}, is not the run that this record started`)
  const last = dataOf(items, conveneTypes.acted).at(-1)
  return { name, status: 'ok', detail: `${action.saga}: ${last?.status ?? 'how it ended is not recorded'}` }
}

/** Data in a file may have any shape: what cannot even be read does not hold. */
function guarded(name: Check['name'], check: () => Check): Check {
  try {
    return check()
  } catch (error) {
    return { name, status: 'failed', detail: `it cannot be read: ${messageOf(error)}` }
  }
}

/** Data of all items of a type, in the shape that our own events have; in a file it may be any, see `guarded`. */
function dataOf<Type extends ConveneType>(items: readonly TranscriptItem[], type: Type): readonly ConveneData[Type][] {
  return items.flatMap((item) => (item.type === type ? [item.data as ConveneData[Type]] : []))
}
