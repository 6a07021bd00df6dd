/** An error as it is written of a run: its code, its name and its message, cut to a bound. Pure; it keeps no stack. */
import { codeOf, messageOf, toError } from '../../base/error.ts'
import type { Fault } from './record.ts'

const messageMaxLength = 2000

export function faultOf(thrown: unknown): Fault {
  // What is thrown may be a proxy that was revoked; an error that says so is not.
  return { code: codeOf(toError(thrown)), name: nameOf(thrown), message: cut(messageOf(thrown), messageMaxLength) }
}

/** A fault of the machine's own. */
export function fault(code: string, name: string, message: string): Fault {
  return { code, name, message: cut(message, messageMaxLength) }
}

/** The getters of an error may throw; what is told of it must not. */
function nameOf(thrown: unknown): string {
  try {
    const { name }: { name: unknown } = toError(thrown)
    return typeof name === 'string' && name !== '' ? cut(name, 100) : 'Error'
  } catch {
    return 'Error'
  }
}

/** What is cut may lie inside a pair of surrogates, of which half is no text. */
function cut(text: string, maxLength: number): string {
  return text.slice(0, maxLength).toWellFormed()
}
