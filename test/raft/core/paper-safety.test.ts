/**
 * What holds at all times: the five properties of figure 3 of the Raft paper (extended version) and the reads of Ongaro's
 * thesis 6.4, through random walks in which messages are lost, delayed, doubled and overtaken, members restart, compact their logs
 * and come and go. Whole worlds with clocks and disks are the simulation's; this is small, and quick.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeOf } from '../../../src/base/error.ts'
import { parseConfChanges } from '../../../src/raft/core/conf-change.ts'
import type { Entry } from '../../../src/raft/core/message.ts'
import { Cluster, type Member, type Options, bytes, text } from './cluster.ts'

const changes = ['v4', 'r4', 'l4', 'v5 r2', 'v2 r5', 'l3 v4', 'v3', '', 'r3 v4', 'v2 v3 r4 r5']
const refusals: ReadonlySet<string> = new Set(['raft.proposal_dropped', 'raft.read_dropped'])

type Step = readonly [what: number, which: number]

/** What a rule sees after each step; it gives what is wrong, if anything is. */
type Rule = (cluster: Cluster) => string | undefined

class Walk {
  readonly cluster: Cluster
  #count = 0
  /** What it says and what is said to it is late, until somebody else is cut off. */
  #cutOff = 0
  /** The highest index that anybody knew to be committed when a read was asked, by the context of the read. */
  readonly asked = new Map<string, number>()

  constructor(options: Options) {
    this.cluster = new Cluster(5, options, () => ({ confState: { voters: [1, 2, 3] } }))
  }

  go([what, which]: Step): void {
    const { cluster } = this
    const each = cluster.at((which % 5) + 1)
    if (what < 6) this.#act(each, what, which)
    else {
      const reachable = cluster.flying.filter(({ from, to }) => from !== this.#cutOff && to !== this.#cutOff)
      const sent = reachable[what < 9 ? which % reachable.length : 0]
      if (sent !== undefined && what !== 7) cluster.flying.splice(cluster.flying.indexOf(sent), 1)
      if (sent !== undefined && what !== 8) cluster.deliver(sent)
    }
    for (const one of cluster.all) cluster.flying.push(...one.work())
  }

  #act(each: Member, what: number, which: number): void {
    const leads = each.role === 'StateLeader'
    try {
      if (what === 0 && which < 60) each.node.campaign()
      else if (what === 1 && which < 20) each.restart()
      else if (what === 1 && which >= 80) this.#cutOff = leads ? each.id : 0
      else if (what === 2) each.tick().forEach((sent) => this.cluster.flying.push(sent))
      else if (what === 3 && leads) each.node.propose(bytes(String(this.#count++)))
      else if (what === 4 && leads && which < 50) this.#change(each, which)
      else if (what === 4 && which > 80) each.compact()
      else if (what === 5 && (leads || which < 30)) this.#ask(each)
    } catch (error) {
      if (!refusals.has(codeOf(error))) throw error
    }
  }

  #change({ node }: Member, which: number): void {
    const singles = which < 10 ? [] : parseConfChanges(changes[which % changes.length] ?? '')
    const transition = which % 2 === 0 ? 'ConfChangeTransitionAuto' : 'ConfChangeTransitionJointExplicit'
    node.proposeConfChange({ version: 2, transition, changes: singles })
  }

  #ask(each: Member): void {
    const context = `${each.id}/${this.#count++}`
    this.asked.set(context, Math.max(...this.cluster.all.map(({ commit }) => commit)))
    each.node.readIndex(bytes(context))
  }
}

const steps = fc.array(fc.tuple(fc.nat(22), fc.nat(99)), { minLength: 200, maxLength: 600 })
const options = fc.record({ preVote: fc.boolean(), checkQuorum: fc.boolean(), stepDownOnRemoval: fc.boolean() })

/** Holds a rule against many walks, and gives how much happened in them of what makes it worth something. */
function happenedWhile(rule: (walk: Walk) => Rule, happened: (walk: Walk) => number, numRuns = 40): number {
  let count = 0
  fc.assert(
    fc.property(options, steps, (chosen, all) => {
      const walk = new Walk(chosen)
      const check = rule(walk)
      for (const step of all) {
        walk.go(step)
        expect(check(walk.cluster)).toBeUndefined()
      }
      count += happened(walk)
    }),
    // Shrinking takes minutes, and the seed and the path that are printed repeat the walk as it was.
    { numRuns, endOnFailure: true },
  )
  return count
}

const committedIn = ({ cluster }: Walk): number => Math.max(...cluster.all.map(({ commit }) => commit))
const termIn = ({ cluster }: Walk): number => Math.max(...cluster.all.map(({ term }) => term))

const entryText = ({ index, term, type, data }: Entry): string => `${index}@${term} ${type} ${text(data)}`

/** What is in the stable log, by index. */
function logOf({ storage }: Member): Map<number, string> {
  const entries = storage.entries(storage.firstIndex(), storage.lastIndex() + 1, Infinity)
  return new Map(typeof entries === 'string' ? [] : entries.map((entry) => [entry.index, entryText(entry)]))
}

/** Collects what was applied by index; gives what two members applied differently. */
function applications(): { readonly chosen: ReadonlyMap<number, string>; readonly check: Rule } {
  const chosen = new Map<number, string>()
  const check: Rule = ({ all }) => {
    for (const { id, applied } of all)
      for (const entry of applied) {
        const own = entryText(entry)
        const other = chosen.get(entry.index)
        if (other !== undefined && other !== own) return `member ${id} applied ${own} where ${other} was applied`
        chosen.set(entry.index, own)
      }
    return undefined
  }
  return { chosen, check }
}

describe('at all times, figure 3', () => {
  it('one leader is elected in a term at most: election safety, section 5.2', () => {
    const rule = (): Rule => {
      const leaders = new Map<number, number>()
      return ({ leaders: now }) => {
        for (const { id, term } of now) {
          const other = leaders.get(term) ?? id
          if (other !== id) return `${id} and ${other} lead term ${term}`
          leaders.set(term, id)
        }
        return undefined
      }
    }
    expect(happenedWhile(rule, termIn)).toBeGreaterThan(40)
  })

  it('a leader never changes an entry of its log, it only appends: section 5.3', () => {
    const rule = (): Rule => {
      const logs = new Map<string, Map<number, string>>()
      return ({ leaders }) => {
        for (const each of leaders) {
          const key = `${each.id}@${each.term}`
          const [before, now] = [logs.get(key), logOf(each)]
          logs.set(key, now)
          for (const [index, entry] of before ?? [])
            if (index >= each.storage.firstIndex() && now.get(index) !== entry) return `${key} lost ${entry}`
        }
        return undefined
      }
    }
    expect(happenedWhile(rule, committedIn)).toBeGreaterThan(40)
  })

  it('logs that agree in index and term of an entry agree up to it: log matching, section 5.3', () => {
    const rule =
      (): Rule =>
      ({ all }) => {
        const logs = all.map(logOf)
        for (const one of logs)
          for (const other of logs) {
            const common = [...one.keys()].filter((index) => other.has(index))
            const termIn = (log: Map<number, string>, index: number) => log.get(index)?.split(' ')[0]
            const agreed = common.findLastIndex((index) => termIn(one, index) === termIn(other, index))
            const bad = common.slice(0, agreed + 1).find((index) => one.get(index) !== other.get(index))
            if (bad !== undefined) return `${one.get(bad)} and ${other.get(bad)}`
          }
        return undefined
      }
    expect(happenedWhile(rule, committedIn)).toBeGreaterThan(40)
  })

  it('the leader of the latest term has all that was ever committed: leader completeness, section 5.4', () => {
    const rule = (): Rule => {
      const { chosen, check } = applications()
      return (cluster) => {
        const wrong = check(cluster)
        if (wrong !== undefined) return wrong
        const latest = Math.max(...cluster.all.map(({ term }) => term))
        for (const leader of cluster.leaders.filter(({ term }) => term === latest)) {
          const log = logOf(leader)
          for (const [index, entry] of chosen)
            if (index >= leader.storage.firstIndex() && log.get(index) !== entry) return `${leader.id} lacks ${entry}`
        }
        return undefined
      }
    }
    expect(happenedWhile(rule, committedIn)).toBeGreaterThan(40)
  })

  it('all members apply the same entry at an index, before and after they restart: state machine safety, section 5.4.3', () => {
    expect(happenedWhile(() => applications().check, committedIn)).toBeGreaterThan(40)
  })
})

describe('at all times', () => {
  it('terms and what is committed never go back, restarts or not, figure 2', () => {
    const rule = (): Rule => {
      const seen = new Map<number, readonly [number, number]>()
      return ({ all }) => {
        for (const { id, term, commit } of all) {
          const [lastTerm, lastCommit] = seen.get(id) ?? [0, 0]
          if (term < lastTerm || commit < lastCommit) return `member ${id} went back to ${commit} in term ${term}`
          seen.set(id, [term, commit])
        }
        return undefined
      }
    }
    expect(happenedWhile(rule, committedIn)).toBeGreaterThan(40)
  })

  it('a read gets all that was committed before it was asked, whoever committed it, thesis 6.4', () => {
    const reads = ({ cluster }: Walk) => cluster.all.reduce((sum, each) => sum + each.reads.length, 0)
    const rule =
      ({ asked }: Walk): Rule =>
      ({ all }) => {
        for (const { id, reads: got } of all)
          for (const { context, index } of got) {
            const committed = asked.get(text(context)) ?? Infinity
            if (index < committed) return `member ${id} reads at ${index} what was ${committed} before`
          }
        return undefined
      }
    // Few reads are answered, and a stale one is rarer still.
    expect(happenedWhile(rule, reads, 200)).toBeGreaterThan(40)
  })
})
