/**
 * Concerns: what a persona cares about, as words to look for. "An operator who is woken at night" names few words that
 * documents use; a small table of common concerns widens it. Open to see, the same for every persona, and no more than a
 * list of words. Pure.
 */
import { stem } from './stem.ts'
import { stemsOf } from './terms.ts'
import type { Lexicon, WeightedStems } from './terms.ts'

/** Each line is one concern; a persona that has one of its words looks for all of them. */
const concerns: readonly (readonly string[])[] = [
  'speed fast faster slow slower latency throughput performance quick milliseconds ms benchmark measured microseconds',
  'durability durable safe safety crash recovery recover lost loss corrupt corruption sync fsync data acknowledged torn',
  'simplicity simple simpler complexity complex small maintain maintainer maintenance maintainable lines dependency readable',
  'operations operator operate ops sysadmin administrator deploy deployment backup monitor upgrade incident restart install night',
  'security secure secret key attack attacker tls auth permission permissions untrusted injection privacy private signed',
  'cost costs price cheap cheaper expensive money budget licence license pay paid invoice',
  'user users developer developers api documentation docs learn newcomer beginner ergonomic usability message messages',
  'scale scalability cluster distributed node nodes million growth partition replicate replication machines load',
  'test tests testing tester correct correctness proof verify verified property invariant deterministic bug bugs simulation',
  'portable portability platform vendor standard standards interoperable open compatible compatibility migrate migration',
  'law legal compliance audit auditor regulation policy retention record records evidence trace',
  'science research researcher study paper measured evidence experiment statistics significant',
].map((line) => line.split(' ').map(stem))

/** Stems to look for with what each is worth: the persona's own by rarity, those of its concerns at half. */
export function personaStems(persona: string, lexicon: Lexicon): WeightedStems {
  const weights = new Map<string, number>()
  const own = stemsOf(persona)
  for (const concern of concerns) {
    if (!concern.some((stem) => own.has(stem))) continue
    for (const stem of concern) if (lexicon.passagesWith(stem) > 0) weights.set(stem, lexicon.rarity(stem) / 2)
  }
  for (const stem of own) if (lexicon.passagesWith(stem) > 0) weights.set(stem, lexicon.rarity(stem))
  return weights
}
