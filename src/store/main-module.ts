/**
 * Whether a module is the program itself. The store's worker imports the modules of procedures, and to import the program
 * would be to run it once more, in each worker that it then starts.
 */
import { realpathSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { InvalidArgument } from '../base/error.ts'

let main: string | undefined

/** Throws `base.invalid_argument` for a module (its `import.meta.url`) that no worker can import. */
export function refuseMainModule(module: string): void {
  main ??= mainUrl()
  if (module === main)
    throw new InvalidArgument(
      'procedure',
      'stands in the main module of the program, which the worker of the store would run again; put it into a module of its own',
    )
}

function mainUrl(): string {
  const [, path] = process.argv
  try {
    return path === undefined ? '' : pathToFileURL(realpathSync(path)).href
  } catch {
    // A name that is no file: a program given as text.
    return ''
  }
}
