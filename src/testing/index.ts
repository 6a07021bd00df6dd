/** The kit for users' tests: a clock that moves when told, chance with a seed, a model that says what it is told to. */
export { manualClock } from '../base/manual-clock.ts'
export type { ManualClock } from '../base/manual-clock.ts'
export { predictableEntropy } from '../base/entropy.ts'
export { seededRandom } from '../base/random.ts'
export { scriptedModel } from './scripted-model.ts'
export type { ScriptedAnswer, ScriptedModel, ScriptedModelOptions, ScriptedReply } from './scripted-model.ts'
