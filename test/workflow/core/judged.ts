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
  const byHand = [...world.runs.values()].map((run) => new Oracle(run)).some(({ settledByHand }) => settledByHand)
  const single = [...world.runs.values()].flatMap((run) => {
    const { state } = run.machine
    ends.set(state.phase, (ends.get(state.phase) ?? 0) + 1)
    const { wrongs, locks } = new Oracle(run)
    const ended = ['completed', 'compensated', 'attention'].includes(state.phase)
    return [
      ...run.wrongs,
      ...wrongs,
      ...fencingWrongs(run),
      ...replayWrongs(run),
      ...(ended ? [] : [`${run.id} came to no end: ${state.phase}`]),
      ...(state.held.sort().join() === locks.join()
        ? []
        : [`${run.id} holds ${state.held.join()} instead of ${locks.join()}`]),
    ]
  })
  return byHand ? single : [...single, ...familyWrongs(world, root)]
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
