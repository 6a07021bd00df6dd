/**
 * The Porter stemmer (M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980), so that "chosen durability"
 * and "durable choices" can meet. The search index stems the same way inside SQLite; this one is for reading sentences
 * after the search, with the two changes its author made later (`bli` for `abli`, `logi`). It knows English suffixes only and leaves words of other scripts as they are.
 */

/** The stem of a lower-case word; words of one or two letters, and those with anything but a to z, are their own stem. */
export function stem(word: string): string {
  if (word.length < 3 || !/^[a-z]+$/.test(word)) return word
  return step5(step4(step3(step2(step1c(step1b(step1a(word)))))))
}

function isConsonant(word: string, at: number): boolean {
  const letter = word[at]!
  if ('aeiou'.includes(letter)) return false
  return letter !== 'y' || at === 0 || !isConsonant(word, at - 1)
}

/** m of the paper: how many vowel-consonant sequences the word holds. */
function measure(word: string): number {
  let count = 0
  let afterVowel = false
  for (let at = 0; at < word.length; at++) {
    const consonant = isConsonant(word, at)
    if (consonant && afterVowel) count++
    afterVowel = !consonant
  }
  return count
}

function hasVowel(word: string): boolean {
  for (let at = 0; at < word.length; at++) if (!isConsonant(word, at)) return true
  return false
}

function endsDouble(word: string): boolean {
  const last = word.length - 1
  return last > 0 && word[last] === word[last - 1] && isConsonant(word, last)
}

/** *o of the paper: consonant, vowel, consonant other than w, x, y. */
function endsShort(word: string): boolean {
  const last = word.length - 1
  if (last < 2 || 'wxy'.includes(word[last]!)) return false
  return isConsonant(word, last) && !isConsonant(word, last - 1) && isConsonant(word, last - 2)
}

function step1a(word: string): string {
  if (word.endsWith('sses') || word.endsWith('ies')) return word.slice(0, -2)
  return word.endsWith('s') && !word.endsWith('ss') ? word.slice(0, -1) : word
}

function step1b(word: string): string {
  if (word.endsWith('eed')) return measure(word.slice(0, -3)) > 0 ? word.slice(0, -1) : word
  const suffix = ['ed', 'ing'].find((each) => word.endsWith(each))
  if (!suffix) return word
  const base = word.slice(0, -suffix.length)
  if (!hasVowel(base)) return word
  if (/(?:at|bl|iz)$/.test(base)) return `${base}e`
  if (endsDouble(base) && !/[lsz]$/.test(base)) return base.slice(0, -1)
  return measure(base) === 1 && endsShort(base) ? `${base}e` : base
}

function step1c(word: string): string {
  return word.endsWith('y') && hasVowel(word.slice(0, -1)) ? `${word.slice(0, -1)}i` : word
}

type Rules = readonly (readonly [suffix: string, replacement: string])[]

const rules2: Rules = Object.entries({
  ational: 'ate',
  ization: 'ize',
  iveness: 'ive',
  fulness: 'ful',
  ousness: 'ous',
  tional: 'tion',
  biliti: 'ble',
  entli: 'ent',
  ousli: 'ous',
  ation: 'ate',
  alism: 'al',
  aliti: 'al',
  iviti: 'ive',
  enci: 'ence',
  anci: 'ance',
  izer: 'ize',
  bli: 'ble',
  logi: 'log',
  alli: 'al',
  ator: 'ate',
  eli: 'e',
})

const rules3: Rules = Object.entries({
  icate: 'ic',
  ative: '',
  alize: 'al',
  iciti: 'ic',
  ical: 'ic',
  ness: '',
  ful: '',
})

const suffixes4 = 'ement ance ence able ible ment ant ent ism ate iti ous ive ize ion al er ic ou'.split(' ')

function replaceFirst(word: string, rules: Rules): string {
  const rule = rules.find(([suffix]) => word.endsWith(suffix))
  if (!rule) return word
  const base = word.slice(0, -rule[0].length)
  return measure(base) > 0 ? base + rule[1] : word
}

function step2(word: string): string {
  return replaceFirst(word, rules2)
}

function step3(word: string): string {
  return replaceFirst(word, rules3)
}

function step4(word: string): string {
  const suffix = suffixes4.find((each) => word.endsWith(each))
  if (!suffix) return word
  const base = word.slice(0, -suffix.length)
  if (measure(base) <= 1 || (suffix === 'ion' && !/[st]$/.test(base))) return word
  return base
}

function step5(word: string): string {
  let last = word
  if (last.endsWith('e')) {
    const base = last.slice(0, -1)
    const size = measure(base)
    if (size > 1 || (size === 1 && !endsShort(base))) last = base
  }
  return last.endsWith('ll') && measure(last) > 1 ? last.slice(0, -1) : last
}
