/**
 * The errors on the way to a bus: addresses, contexts and the files that hold secrets. Unlike `error.ts`, which is about
 * nodes, each of these must say what is wrong without repeating what was written: it may be a secret.
 */
import { ColloquyError } from '../base/error.ts'
import { nearest } from '../base/nearest.ts'

/** The URL of a bus holds a user, a password or a token. Which, and what, is not said. */
export class CredentialsInUrl extends ColloquyError {
  override readonly code = 'node.credentials_in_url'
  constructor() {
    super(
      'the URL of a bus must not hold credentials, for URLs stand in logs and in `ps`; take out what is before the @ and give it as options, environment or a context',
    )
  }
}

/** A file with secrets that others may read, or a folder of such files that others may write to. */
export class NotPrivate extends ColloquyError {
  override readonly code = 'node.not_private'
  readonly path: string
  constructor(path: string, what: string, mend: string) {
    super(`${path} ${what}; run: chmod ${mend} ${shellWord(path)}`)
    this.path = path
  }
}

/** A file that is named by an option or a context cannot be read or written. */
export class FileUnusable extends ColloquyError {
  override readonly code = 'node.file_unusable'
  readonly path: string
  constructor(path: string, why: string, options?: ErrorOptions) {
    super(`${path} ${why}`, options)
    this.path = path
  }
}

export class ContextUnknown extends ColloquyError {
  override readonly code = 'node.context_unknown'
  constructor(name: string, known: readonly string[]) {
    const meant = nearest(name, known)
    const mend =
      known.length === 0
        ? `there are no contexts yet; run: colloquy bus context add ${name} --server URL`
        : `there is ${known.join(', ')}${meant === undefined ? '' : `; did you mean ${meant}?`}`
    super(`there is no context ${name}; ${mend}`)
  }
}

export class ContextExists extends ColloquyError {
  override readonly code = 'node.context_exists'
  constructor(name: string) {
    super(`the context ${name} is there already; add --replace to write it anew, or choose another name`)
  }
}

/** The file of a context holds what no context holds. */
export class ContextInvalid extends ColloquyError {
  override readonly code = 'node.context_invalid'
  readonly path: string
  constructor(path: string, why: string, options?: ErrorOptions) {
    super(`${path} ${why}; mend it, or remove the context and add it again`, options)
    this.path = path
  }
}

function shellWord(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
