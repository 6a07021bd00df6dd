/** Asking a node for its sagas through its door, from another process. Unlike the client of the door it knows the questions. It never tries again. */
import { type AskOptions, type NoDoor, goToDoor, whyClosed } from './door-client.ts'
import { notServed, type ToldError } from './door-words.ts'
import { type SagaQuestion, readShown } from './saga-door-words.ts'
import { SagaRefused, SagasNotRunning, SagasNotServed } from './saga-error.ts'
import type { SagaShown } from './saga-shown.ts'
import type { SagaWord } from './saga-word.ts'

/** What the process that runs the sagas of a folder says of a run; or that there is none to ask. Rejects with `node.saga_refused`. */
export async function askShown(
  data: string,
  run: string,
  picture: boolean,
  options: AskOptions,
): Promise<SagaShown | undefined> {
  const answer = await asked(data, { op: 'saga.show', run, picture }, 30_000, options)
  return 'account' in answer ? answer : undefined
}

/**
 * Has it say a word to a run; undefined where no process is there. Rejects with `node.saga_refused`, `node.saga_not_served`,
 * `node.door_broken`.
 */
export async function askSaid(
  data: string,
  run: string,
  word: SagaWord,
  timeoutMs: number,
  options: AskOptions,
): Promise<SagaShown | NoDoor> {
  const answer = await asked(data, { op: 'saga.say', run, word, timeoutMs }, timeoutMs, options)
  if ('door' in answer && answer.door === 'unserved') throw new SagasNotServed(answer.pid)
  return answer
}

/** Why nothing was said. */
export function notRunning(data: string, door: NoDoor): SagasNotRunning {
  return new SagasNotRunning(data, whyClosed(door))
}

async function asked(
  data: string,
  question: SagaQuestion,
  waitMs: number,
  options: AskOptions,
): Promise<SagaShown | NoDoor | { readonly door: 'unserved'; readonly pid: number }> {
  const door = await goToDoor(data, options)
  if (door.door !== 'open') return door
  await using open = door
  const refused = ({ code, message }: ToldError) => new SagaRefused(code, message)
  try {
    return await open.ask({ question, waitMs, read: readShown, refused })
  } catch (error) {
    if (error instanceof SagaRefused && error.reason === notServed) return { door: 'unserved', pid: open.pid }
    throw error
  }
}
