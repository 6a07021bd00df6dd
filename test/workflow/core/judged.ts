/** One generated saga played to its end with its children, and all that was wrong with it: of each run alone, and of the family. */
import { SagaRun } from '../../../src/workflow/core/run.ts'
import { built } from './generated.ts'
import type { SagaShape } from './generated.ts'
import { Oracle, fencingWrongs } from './oracle.ts'
import { Choices, World, kept, pictureOf } from './simulated.ts'
import type { Options, SimulatedRun } from './simulated.ts'

/** How the runs of all samples ended: a property of ends that never come shows nothing. */
export const ends = new Map<string, number>()

export function played(
  shape: SagaShape,
  choices: readonly number[],
  options: Options,
): { root: SimulatedRun; world: World } {
  const broken = new Set<string>()
  const world = new World(new Choices(choices), broken, options)
  const root = world.start('run', built(shape, broken), { given: 1 }, choices.length % 2 === 1)
  world.play()
  return { root, world }
}

export function wrongsOf({ world, root }: { world: World; root: SimulatedRun }): string[] {
  const judged = Array.from(world.runs.values(), (run) => ({ run, oracle: new Oracle(run) }))
  const mendable = judged.every(({ oracle }) => oracle.mendable)
  const single = judged.flatMap(({ run, oracle }) => [
    ...run.wrongs,
    ...oracle.wrongs,
    ...fencingWrongs(run),
    ...replayWrongs(run),
    ...endWrongs(run, oracle, mendable),
  ])
  return judged.some(({ oracle }) => oracle.settledByHand) ? single : [...single, ...familyWrongs(world, root)]
}

function endWrongs({ id, machine: { state } }: SimulatedRun, { locks, why }: Oracle, mendable: boolean): string[] {
  ends.set(state.phase, (ends.get(state.phase) ?? 0) + 1)
  const wrongs: string[] = []
  if (!['completed', 'compensated', 'attention'].includes(state.phase)) wrongs.push(`${id} stays ${state.phase}`)
  if (state.held.sort().join() !== locks.join()) wrongs.push(`${id} holds ${state.held.join()}, not ${locks.join()}`)
  if (why?.message !== state.verdict?.fault.message) wrongs.push(`${id} tells another reason than ${why?.message}`)
  if (mendable && state.phase === 'attention') wrongs.push(`${id} rests, and nothing happened that it could not mend`)
  return wrongs
}

/** At every turn's end a replay of what was recorded so far gives the state that was. */
function replayWrongs({ definition, turns, id }: SimulatedRun): string[] {
  const machine = new SagaRun(definition, kept({ given: 1 }))
  return turns.flatMap(({ records, picture }, at) => {
    machine.replay(records)
    const replayed = pictureOf(machine)
    return id !== 'run' || replayed === picture ? [] : [`turn ${at} replays to ${replayed}, not ${picture}`]
  })
}

/** A child ends as its parent says: only an operator can say otherwise. */
function familyWrongs(world: World, root: SimulatedRun): string[] {
  const { phase } = root.machine.state
  return [...world.runs.values()].flatMap(({ id, machine }) => {
    const child = machine.state.phase
    if (phase === 'compensated' && child !== 'compensated') return [`${id} is ${child} and its root is undone`]
    if (phase === 'completed' && child === 'attention') return [`${id} rests and its root is complete`]
    return []
  })
}
