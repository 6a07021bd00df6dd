/**
 * `colloquy raft demo`: a group of processes on this machine, whose leader is killed with -9 while proposals run, and the count of what
 * was kept. Unlike the other commands of raft it has a group of its own, which is gone afterwards, and touches no other.
 */
import { randomFrom } from '../base/entropy.ts'
import { seededRandom } from '../base/random.ts'
import { countOption } from './bus-arguments.ts'
import { jsonLine } from './bus-show.ts'
import { UsageError, exitCode, parseCommandLine, textOption } from './command.ts'
import type { Command, CommandContext, ExitCode, ParsedOptions } from './command.ts'
import { counted } from './log-lines.ts'
import { openDemoCluster } from './raft-demo-cluster.ts'
import type { DemoCluster, DemoClusterOptions } from './raft-demo-cluster.ts'
import { eventLine, liveLines, summaryLines } from './raft-demo-lines.ts'
import { DemoRun, proposalsMax, proposalsPerKillMin } from './raft-demo-run.ts'
import type { DemoPlan, DemoWatch } from './raft-demo-run.ts'
import type { DoorWorld } from './door-world.ts'
import { liveBlock, painter } from './terminal.ts'

const help = `colloquy raft demo [options]

Starts a raft group of three processes on this machine, proposes to it, kills
the leader with -9 meanwhile, starts it again, and counts what was kept. All is
in a temporary folder that is removed.

Examples:
  colloquy raft demo
  colloquy raft demo --seconds 30 --kills 5
  colloquy raft demo --members 5 --proposals 20000 --json | jq 'select(.event == "summary")'

Options:
  --seconds N      how long it proposes, 1 to 3600 (default 8)
  --proposals N    how many in place of how long, ${proposalsPerKillMin} a kill to ${proposalsMax}
  --kills N        kills of whoever leads, 0 to 100 (default 1)
  --members N      3 to 7 (default 3)
  --seed SEED      which member is asked for which proposal (default: by chance)
  --keep           leaves the folder, for colloquy raft status <folder>/a
  --json           one object a line for what happens, the last one: summary

An interrupt ends the members and removes the folder; a second one at once.
Exit codes: 0 nothing lost or doubled, 1 something was or it failed, 2 usage, 4 interrupted.
`

const options = {
  seconds: { type: 'string' },
  proposals: { type: 'string' },
  kills: { type: 'string' },
  members: { type: 'string' },
  seed: { type: 'string' },
  keep: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

/** `open` makes the members: processes, unless a test says otherwise. */
export function demoCommand(
  world: DoorWorld,
  open: (options: DemoClusterOptions) => Promise<DemoCluster> = openDemoCluster,
): Command {
  return {
    name: 'raft demo',
    help,
    async run(args, context) {
      const { values } = parseCommandLine(args, options, { names: [] })
      const plan = planOf(values)
      const members = countOption(values, 'members', { min: 3, max: 7 }) ?? 3
      const keep = values['keep'] === true
      const seed = textOption(values, 'seed')
      const random = seed === undefined ? randomFrom(world.entropy) : seededRandom(seed)
      const json = values['json'] === true
      const { signal, stderr } = context
      await using cluster = await open({ ...world, members, keep, signal })
      if (keep) stderr.write(`the members' data stays in ${cluster.folder}\n`)
      const shown = json ? asJson(context) : forPeople(context, cluster)
      const run = new DemoRun(cluster, plan, { clock: world.clock, random, watch: shown })
      try {
        const summary = await run.run()
        shown.clear()
        const { stdout } = context
        stdout.write(json ? jsonLine({ event: 'summary', ...summary }) : summaryLines(summary, painter(stdout.colour)))
        return verdict(summary)
      } finally {
        shown.clear()
      }
    },
  }
}

function planOf(values: ParsedOptions): DemoPlan {
  const proposals = countOption(values, 'proposals', { min: 1, max: proposalsMax })
  const seconds = countOption(values, 'seconds', { min: 1, max: 3600 })
  if (proposals !== undefined && seconds !== undefined)
    throw new UsageError('--proposals and --seconds are one too many; say how many or how long')
  const kills = countOption(values, 'kills', { min: 0, max: 100 }) ?? 1
  const least = kills === 0 ? 1 : proposalsPerKillMin * (kills + 1)
  if (proposals !== undefined && proposals < least)
    throw new UsageError(`--proposals must be ${least} or more for ${counted(kills, 'kill')}`)
  return { proposals, seconds: seconds ?? 8, kills }
}

function verdict({ lost, doubled }: { readonly lost: number; readonly doubled: number }): ExitCode {
  return lost === 0 && doubled === 0 ? exitCode.ok : exitCode.failure
}

interface Shown extends DemoWatch {
  clear(): void
}

function asJson({ stdout, signal }: CommandContext): Shown {
  return {
    signal,
    onEvent: (event) => stdout.write(jsonLine({ ...event, atMs: Math.round(event.atMs) })),
    onTick: () => {},
    clear: () => {},
  }
}

const rateOverMs = 1000
const blockColumns = 76

/** Lines that stay, and below them, on a terminal, the members as they are. */
function forPeople({ stdout, signal }: CommandContext, cluster: DemoCluster): Shown {
  const block = liveBlock(stdout)
  const paint = painter(stdout.colour)
  // Where the block's lines are cut, the end of a colour would be cut off with them.
  const paintBlock = painter(stdout.colour && stdout.columns >= blockColumns)
  // The rate is that of the last second.
  const past: { readonly atMs: number; readonly acknowledged: number }[] = []
  return {
    signal,
    onEvent(event) {
      block.clear()
      stdout.write(eventLine(event, paint))
    },
    onTick(acknowledged, atMs) {
      past.push({ atMs, acknowledged })
      while (past.length > 1 && (past[0]?.atMs ?? 0) < atMs - rateOverMs) past.shift()
      const [first] = past
      const ms = Math.max(atMs - (first?.atMs ?? atMs), 1)
      block.show(
        liveLines(cluster, acknowledged, ((acknowledged - (first?.acknowledged ?? 0)) / ms) * 1000, paintBlock),
      )
    },
    clear: () => block.clear(),
  }
}
