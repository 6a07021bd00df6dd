/**
 * The slow and obvious matcher that the fast one is compared with: the event becomes a list of all its leaves, each with the elements
 * of arrays that it lies in; the pattern is written out into alternatives without `$or`; then every choice of one leaf for each field is
 * tried, and no two of a choice may lie in different elements of one array.
 */
interface Leaf {
  readonly path: string
  readonly value: unknown
  /** Array, by a number of its own, to element. */
  readonly elements: ReadonlyMap<number, number>
}

type Fields = readonly (readonly [path: string, asked: readonly unknown[]])[]

export function fitsSlowly(pattern: object, event: object): boolean {
  const leaves = flatten(event)
  return writtenOut(pattern, []).some((fields) => choose(fields, leaves, []))
}

function choose(fields: Fields, leaves: readonly Leaf[], chosen: readonly Leaf[]): boolean {
  const [first, ...rest] = fields
  if (!first) return true
  const [path, asked] = first
  const there = leaves.filter((leaf) => leaf.path === path)
  if (there.length === 0) return asked.some((each) => isExists(each, false)) && choose(rest, leaves, chosen)
  return there.some(
    (leaf) =>
      asked.some((each) => fitsValue(each, leaf.value)) &&
      chosen.every((other) => agree(leaf, other)) &&
      choose(rest, leaves, [...chosen, leaf]),
  )
}

function agree(one: Leaf, other: Leaf): boolean {
  return [...one.elements].every(([array, element]) => (other.elements.get(array) ?? element) === element)
}

function flatten(event: object): readonly Leaf[] {
  const leaves: Leaf[] = []
  let arrays = 0
  const walk = (value: unknown, path: readonly string[], elements: ReadonlyMap<number, number>): void => {
    if (Array.isArray(value)) {
      const array = arrays++
      for (const [at, element] of value.entries()) walk(element, path, new Map([...elements, [array, at]]))
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, inside] of Object.entries(value)) walk(inside, [...path, key], elements)
    } else leaves.push({ path: JSON.stringify(path), value, elements })
  }
  walk(event, [], new Map())
  return leaves
}

function writtenOut(pattern: object, path: readonly string[]): readonly Fields[] {
  let alternatives: readonly Fields[] = [[]]
  for (const [key, value] of Object.entries(pattern) as [string, unknown][]) {
    let inside: readonly Fields[]
    if (key === '$or') inside = (value as readonly object[]).flatMap((each) => writtenOut(each, path))
    else if (Array.isArray(value)) inside = [[[JSON.stringify([...path, key]), value]]]
    else inside = writtenOut(value as object, [...path, key])
    alternatives = alternatives.flatMap((left) => inside.map((right) => [...left, ...right]))
  }
  return alternatives
}

function isExists(asked: unknown, there: boolean): boolean {
  return typeof asked === 'object' && asked !== null && (asked as { exists?: unknown }).exists === there
}

function fitsValue(asked: unknown, value: unknown): boolean {
  if (typeof asked !== 'object' || asked === null) return asked === value
  const [[comparison, given]] = Object.entries(asked) as [[string, never]]
  const text = typeof value === 'string' ? value : undefined
  switch (comparison) {
    case 'prefix':
    case 'suffix': {
      const folded = typeof given === 'object'
      const edge = folded ? (given as { 'equals-ignore-case': string })['equals-ignore-case'].toLowerCase() : given
      const compared = folded ? text?.toLowerCase() : text
      if (compared === undefined || compared.length < edge.length) return false
      return comparison === 'prefix'
        ? compared.slice(0, edge.length) === edge
        : compared.slice(compared.length - edge.length) === edge
    }
    case 'equals-ignore-case':
      return text?.toLowerCase() === (given as string).toLowerCase()
    case 'wildcard':
      return text !== undefined && likeSlowly(given, text)
    case 'exists':
      return given
    case 'numeric':
      return typeof value === 'number' && pairs(given).every(([op, bound]) => compares(op, value, bound))
    case 'cidr':
      return text !== undefined && insideSlowly(given, text)
    case 'anything-but':
      return !butOf(given).some((each) => fitsValue(each, value))
    default:
      throw new Error(`the reference knows no ${comparison}`)
  }
}

function butOf(given: unknown): readonly unknown[] {
  if (Array.isArray(given)) return given
  if (typeof given !== 'object' || given === null) return [given]
  const [[comparison, texts]] = Object.entries(given) as [[string, unknown]]
  return (Array.isArray(texts) ? texts : [texts]).map((text: unknown) => ({ [comparison]: text }))
}

function pairs(given: readonly unknown[]): readonly [string, number][] {
  return given.length === 0 ? [] : [[given[0] as string, given[1] as number], ...pairs(given.slice(2))]
}

function compares(op: string, value: number, bound: number): boolean {
  return { '=': value === bound, '<': value < bound, '<=': value <= bound, '>': value > bound, '>=': value >= bound }[
    op
  ]!
}

/** By trying every length for every star. */
function likeSlowly(wildcard: string, text: string): boolean {
  if (wildcard === '') return text === ''
  if (wildcard[0] === '*')
    return likeSlowly(wildcard.slice(1), text) || (text !== '' && likeSlowly(wildcard, text.slice(1)))
  const [character, rest] = wildcard[0] === '\\' ? [wildcard[1], wildcard.slice(2)] : [wildcard[0], wildcard.slice(1)]
  return text[0] === character && text !== '' && likeSlowly(rest, text.slice(1))
}

/** IPv4 only, bit by bit. */
function insideSlowly(network: string, text: string): boolean {
  const [address = '', bits = ''] = network.split('/')
  const bitsOf = (four: string): string | undefined => {
    const parts = four.split('.')
    return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d?\d?)$/.test(part) && Number(part) < 256)
      ? parts.map((part) => Number(part).toString(2).padStart(8, '0')).join('')
      : undefined
  }
  const there = bitsOf(text)
  return there !== undefined && there.startsWith(bitsOf(address)!.slice(0, Number(bits)))
}
