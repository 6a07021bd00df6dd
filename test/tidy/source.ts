/**
 * What the laws of the house read of a file: its code without comments and the content of texts, and what it imports. A
 * careful scan, not a parser: the compiler in use has no API for JavaScript, and the laws need no more than this.
 */
export type Tree = ReadonlyMap<string, string>

export interface Import {
  /** As written: `../base/error.ts`, `node:fs`, `zod`. */
  readonly specifier: string
  /** The file in the tree, when the specifier is relative. */
  readonly path?: string
  /** The installed package, when it is one: `@scope/name` of `@scope/name/part`. */
  readonly packageName?: string
  /** Erased by the compiler. */
  readonly typeOnly: boolean
  /** `static` is `import` or `export from`, `dynamic` is `import()`, `url` is `new URL('./x', import.meta.url)`. */
  readonly kind: 'static' | 'dynamic' | 'url'
  readonly line: number
}

export interface Source {
  readonly path: string
  readonly text: string
  /** As long as the text: comments are spaces, the content of texts and regular expressions is dots. */
  readonly code: string
  readonly imports: readonly Import[]
}

export function lineAt(text: string, index: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < index; at = text.indexOf('\n', at + 1)) line++
  return line
}

const parsed = new WeakMap<Tree, Map<string, Source>>()

/** Every TypeScript file of the tree whose path the test accepts, read once per tree. */
export function sourcesOf(tree: Tree, accepts: (path: string) => boolean = () => true): Source[] {
  let known = parsed.get(tree)
  if (!known) {
    known = new Map()
    for (const [path, text] of tree) if (path.endsWith('.ts')) known.set(path, parse(path, text))
    parsed.set(tree, known)
  }
  return [...known.values()].filter(({ path }) => accepts(path))
}

function parse(path: string, text: string): Source {
  const code = blank(text)
  return { path, text, code, imports: importsOf(path, text, code) }
}

const clause = String.raw`(?:[\w$]+\s*,?\s*)?(?:\{[^{}]*\}|\*\s*as\s+[\w$]+)?`
const forms: readonly { readonly kind: Import['kind']; readonly form: RegExp }[] = [
  {
    kind: 'static',
    form: new RegExp(String.raw`(?<![.\w$])import\s+(?<type>type\s+(?!from\b))?${clause}\s*from\s*['"]`, 'g'),
  },
  { kind: 'static', form: /(?<![.\w$])import\s*['"]/g },
  {
    kind: 'static',
    form: /(?<![.\w$])export\s+(?<type>type\s+|type(?=\{))?(?:\*(?:\s*as\s+[\w$]+)?|\{[^{}]*\})\s*from\s*['"]/g,
  },
  { kind: 'dynamic', form: /(?<type>\btypeof\s+)?(?<![.\w$])import\s*\(\s*['"]/g },
  { kind: 'url', form: /(?<![.\w$])new\s+URL\(\s*['"](?=[^'"]*['"]\s*,\s*import\.meta\.url)/g },
]

function importsOf(path: string, text: string, code: string): Import[] {
  const found: Import[] = []
  for (const { kind, form } of forms)
    for (const match of code.matchAll(form)) {
      const opening = match.index + match[0].length - 1
      const specifier = text.slice(opening + 1, code.indexOf(text[opening] as string, opening + 1))
      const line = lineAt(text, opening)
      found.push({
        specifier,
        ...targetOf(path, specifier, kind),
        typeOnly: match.groups?.['type'] !== undefined,
        kind,
        line,
      })
    }
  return found.toSorted((a, b) => a.line - b.line)
}

function targetOf(from: string, specifier: string, kind: Import['kind']): Pick<Import, 'path' | 'packageName'> {
  if (specifier.startsWith('.')) {
    const steps = from.split('/').slice(0, -1)
    for (const step of specifier.split('/'))
      if (step === '..') steps.pop()
      else if (step !== '.') steps.push(step)
    return { path: steps.join('/') }
  }
  if (specifier.startsWith('node:') || kind === 'url') return {}
  return {
    packageName: specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/'),
  }
}

/** What stands for the content of a text: neither a space, as in comments, nor part of a word. */
const dot = '·'

/** Texts keep their quotes, and a position in the code is the same position in the text. */
export function blank(text: string): string {
  return new Blanker(text).run()
}

/** After these a slash begins a regular expression; after anything else it divides. */
const beforeRegex =
  /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|delete|void|throw|new|do|else|yield|await))$/

class Blanker {
  readonly #text: string
  #out = ''
  #at = 0
  /** Depth of braces at which each open `${` of a template ends. */
  readonly #templates: number[] = []
  #braces = 0

  constructor(text: string) {
    this.#text = text
  }

  run(): string {
    while (this.#at < this.#text.length) this.#step()
    return this.#out
  }

  #step(): void {
    const two = this.#text.slice(this.#at, this.#at + 2)
    const one = two[0] as string
    if (two === '//' || (this.#at === 0 && two === '#!')) this.#erase(this.#lineEnd(), ' ')
    else if (two === '/*') this.#erase(this.#after('*/', this.#at + 2), ' ')
    else if (one === "'" || one === '"') this.#quoted(one)
    else if (one === '`') this.#template()
    else if (one === '/' && beforeRegex.test(this.#out.slice(-80).trimEnd())) this.#regex()
    else this.#plain(one)
  }

  #plain(one: string): void {
    if (one === '}' && this.#templates.at(-1) === this.#braces) {
      this.#templates.pop()
      this.#keep(1)
      this.#templateText()
      return
    }
    if (one === '{') this.#braces++
    if (one === '}') this.#braces--
    this.#keep(1)
  }

  #keep(length: number): void {
    this.#out += this.#text.slice(this.#at, this.#at + length)
    this.#at += length
  }

  #erase(until: number, by = dot): void {
    this.#out += this.#text.slice(this.#at, until).replace(/[^\n]/g, by)
    this.#at = until
  }

  #lineEnd(): number {
    const end = this.#text.indexOf('\n', this.#at)
    return end === -1 ? this.#text.length : end
  }

  #after(mark: string, from: number): number {
    const found = this.#text.indexOf(mark, from)
    return found === -1 ? this.#text.length : found + mark.length
  }

  #quoted(quote: string): void {
    this.#keep(1)
    let end = this.#at
    while (end < this.#text.length && this.#text[end] !== quote && this.#text[end] !== '\n')
      end += this.#text[end] === '\\' ? 2 : 1
    this.#erase(Math.min(end, this.#text.length))
    if (this.#text[this.#at] === quote) this.#keep(1)
  }

  #template(): void {
    this.#keep(1)
    this.#templateText()
  }

  #templateText(): void {
    let end = this.#at
    while (end < this.#text.length && this.#text[end] !== '`' && !this.#text.startsWith('${', end))
      end += this.#text[end] === '\\' ? 2 : 1
    this.#erase(Math.min(end, this.#text.length))
    if (this.#text.startsWith('${', this.#at)) {
      this.#templates.push(this.#braces)
      this.#keep(2)
    } else if (this.#at < this.#text.length) this.#keep(1)
  }

  #regex(): void {
    let end = this.#at + 1
    let inClass = false
    for (; end < this.#text.length && this.#text[end] !== '\n'; end++) {
      const one = this.#text[end]
      if (one === '\\') end++
      else if (one === '[') inClass = true
      else if (one === ']') inClass = false
      else if (one === '/' && !inClass) break
    }
    if (this.#text[end] !== '/') return this.#keep(1)
    this.#keep(1)
    this.#erase(end)
    this.#keep(1)
  }
}
