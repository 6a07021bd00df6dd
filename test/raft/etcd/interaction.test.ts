import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runFolder, runScript } from './datadriven.ts'
import { interactionSuite } from './interaction-suite.ts'

/** Runs a script of our own; what each command prints, by its lines. */
function outputs(script: string): string[] {
  return runScript(script, [interactionSuite]).cases.map(({ actual }) => actual.trimEnd())
}
const script = (...commands: readonly string[]): string => commands.map((each) => `${each}\n----\n`).join('\n')
const passes = (text: string): boolean[] => runScript(text, [interactionSuite]).cases.map(({ passed }) => passed)

const quiet = 'log-level none'
const loud = 'log-level debug'

describe('the interaction suite', () => {
  it('leaves log lines out on both sides, and a block of nothing else is ok', () => {
    const text = `raft-state\n----\nINFO something\n  DEBUG more\n\nadd-nodes 1\n----\nok\n\nraft-state\n----\nWARN no\n1: StateFollower (Non-Voter) Term:0 Lead:0\n`
    expect(passes(text)).toEqual([true, true, true])
  })

  it('sees a difference in anything else', () => {
    expect(passes('add-nodes 1\n----\nINFO a\n\nraft-state\n----\nok\n')).toEqual([true, false])
  })

  it('prints nothing under log-level none but errors', () => {
    const [, , state, proposed] = outputs(script('add-nodes 1', quiet, 'raft-state', 'propose 1 x'))
    expect([state, proposed]).toEqual(['ok', 'raft proposal dropped'])
  })

  it('knows transitions, and says which it does not know', () => {
    const setup = [quiet, 'add-nodes 3 voters=(1,2,3) index=2', 'campaign 1', 'stabilize', loud]
    const change = (options: string) => `propose-conf-change 1 ${options}\nl4 l5`
    const all = outputs(
      script(...setup, change('transition=never'), change('v1=true'), change('transition=implicit'), 'process-ready 1'),
    )
    expect(all[5]).toBe('unknown transition never')
    expect(all[6]).toBe('v1 conf change can only have one operation and no transition')
    expect(all[8]).toContain('1/4 EntryConfChangeV2 l4 l5')
  })

  it('delivers by type, drops what is no storage’s, and says when there is nothing', () => {
    const setup = [quiet, 'add-nodes 3 voters=(1,2,3) index=2', 'campaign 1', 'process-ready 1', loud]
    const all = outputs(
      script(...setup, 'deliver-msgs 2 3 type=MsgApp', 'deliver-msgs 2 type=MsgVote', 'deliver-msgs drop=(3)'),
    )
    expect(all.slice(5)).toEqual(['no messages', '1->2 MsgVote Term:1 Log:1/2', 'dropped: 1->3 MsgVote Term:1 Log:1/2'])
  })

  it('reports a member that cannot be reached, and sends a snapshot beside the protocol', () => {
    const setup = [quiet, 'add-nodes 2 voters=(1,2) index=2 content=abc', 'campaign 1', 'stabilize', loud]
    const all = outputs(
      script(
        ...setup,
        'report-unreachable 1',
        'report-unreachable 1 2',
        'status 1',
        'send-snapshot 1 2',
        'stabilize 2',
      ),
    )
    expect(all[5]).toContain('must specify exactly two')
    expect(all[7]).toContain('2: StateProbe match=3')
    expect(all[8]).toContain('1->2 MsgSnap Term:1 Log:0/0\n  Snapshot: Index:3 Term:1')
    expect(all[9]).toContain('2->1 MsgAppResp Term:1 Log:0/3')
  })

  it('bounds what is under way, reads by lease, and steps down, as add-nodes says', () => {
    const setup = [
      quiet,
      'add-nodes 2 voters=(1,2) index=2 inflight=1 read-only=lease-based checkquorum=true step-down-on-removal=true',
      'campaign 1',
      'stabilize',
      'propose 1 a',
      'propose 1 b',
      loud,
    ]
    const all = outputs(
      script(
        ...setup,
        'status 1',
        'forget-leader 2',
        'raft-state',
        quiet,
        'stabilize',
        'propose-conf-change 1\nr1',
        'stabilize',
        loud,
        'raft-state',
        'add-nodes 1 read-only=x',
      ),
    )
    expect(all[7]).toContain('2: StateReplicate match=3 next=5 paused inflight=1[full]')
    expect(all[9]).toContain('2: StateFollower (Voter) Term:1 Lead:1')
    expect(all[15]).toContain('1: StateFollower (Non-Voter)')
    expect(all[16]).toBe('invalid read-only option "x"')
  })

  it('runs further commands that stand in the input', () => {
    const all = outputs(
      script('add-nodes 1 voters=(1) index=2', 'tick-election 1\ntick-election 1\nraft-state\nnothing'),
    )
    expect(all[1]).toBe('1: StateCandidate (Voter) Term:1 Lead:0\nunknown command')
  })

  it('refuses to begin a group at index 1', () => {
    expect(outputs(script('add-nodes 1 voters=(1)'))).toEqual(['index must be specified as > 1 due to bootstrap'])
  })
})

const root = resolve(import.meta.dirname, '../../..')
const data = process.env['ETCD_TESTDATA'] ?? resolve(root, '../shared/data/etcd-raft')
const present = existsSync(data)
if (!present) console.log('interaction of etcd: skipped, there is no folder of scenarios; set ETCD_TESTDATA=<folder>')

describe.skipIf(!present)('scenarios of etcd', () => {
  it('of the suite interaction give what etcd gives', () => {
    const results = runFolder(data, [interactionSuite]).filter(({ suite }) => suite === 'interaction')
    const failed = results.flatMap(({ path, cases }) =>
      cases.filter(({ passed }) => !passed).map((each) => ({ path, ...each })),
    )
    expect(results.length).toBeGreaterThan(0)
    expect(failed).toEqual([])
  })
})
