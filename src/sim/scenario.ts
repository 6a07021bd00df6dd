/**
 * Scenario: a body for a world with a name and its options, as a file exports it for `colloquy sim`. Unlike `simulate` it
 * runs nothing: it is data, so that whoever runs it chooses seed and faults.
 */
import { InvalidArgument } from '../base/error.ts'
import { checkKeys, plainName } from '../base/limit.ts'
import type { ScenarioBody, SimulateOptions } from './simulate.ts'

/** What a scenario fixes; the rest comes with each run. */
export type ScenarioOptions = Omit<SimulateOptions, 'seed' | 'faults' | 'trace' | 'signal' | 'replay'>

export interface ScenarioSpec extends ScenarioOptions {
  /** For people: 1 to 200 characters. */
  readonly name: string
  readonly run: ScenarioBody
}

export interface Scenario {
  readonly name: string
  readonly options: ScenarioOptions
  readonly run: ScenarioBody
}

const optionNames: readonly (keyof ScenarioOptions)[] = [
  'startMs',
  'weather',
  'busKind',
  'atLeast',
  'reduceRunsMax',
  'stepsMax',
  'simulatedMsMax',
  'machineMsMax',
  'stepsPerInstantMax',
  'pendingMax',
]

/** Checks names, not values: those are checked when it runs. Throws `base.invalid_argument`. */
export function scenario(spec: ScenarioSpec): Scenario {
  checkKeys('scenario', spec, ['name', 'run', ...optionNames])
  const { name, run, ...options } = spec
  plainName('name', name, 200)
  if (typeof run !== 'function') throw new InvalidArgument('run', 'must be a function of the world')
  return Object.freeze({ name, options: Object.freeze(options), run })
}

/** True of what `scenario` gave, in whichever copy of this package. */
export function isScenario(value: unknown): value is Scenario {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof Reflect.get(value, 'name') === 'string' &&
    typeof Reflect.get(value, 'options') === 'object' &&
    typeof Reflect.get(value, 'run') === 'function'
  )
}
