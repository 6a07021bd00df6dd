/** The people of an agenda, who share this terminal. What they are asked goes to stderr: stdout is the record's. */
import type { Agenda } from '../convene/agenda.ts'
import { human } from '../deliberation/human.ts'
import { humanTerminal } from '../deliberation/human-terminal.ts'
import type { Participant } from '../deliberation/participant.ts'
import type { Output } from './command.ts'

export interface Persons extends Disposable {
  readonly participants: readonly Participant[]
}

/** `timeoutMs`: how long one of them may take; it is the agenda's limit of a turn as well. */
export function personsOf(
  agenda: Pick<Agenda, 'participants'>,
  stderr: Output,
  timeoutMs: number | undefined,
): Persons {
  const names = agenda.participants.filter(({ model }) => model === 'person').map(({ name }) => name)
  if (names.length === 0) return { participants: [], [Symbol.dispose]: () => {} }
  const { stdin } = process
  const terminal = humanTerminal({ input: stdin, output: stderr })
  const deadline = timeoutMs === undefined ? {} : { deadlineMs: timeoutMs }
  return {
    participants: names.map((name) => human({ name, terminal, ...deadline })),
    // An input that is still read would keep the process.
    [Symbol.dispose]: () => void stdin.destroy(),
  }
}
