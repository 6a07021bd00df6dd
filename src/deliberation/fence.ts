/**
 * The fence around material in a prompt: evidence, contributions, speeches. Unlike a fixed mark its token comes from the run's
 * seed, so that who wrote the material could not know it. It helps a model to tell material from instructions; it does not force
 * it to.
 */
import type { Random } from '../base/random.ts'

/** Marks around material. The token comes from the run's seed: who wrote the material did not know it. */
export interface Fence {
  open(label: string): string
  readonly close: string
  /**
   * The text with everything that could pass for a mark, for the head of another contribution or passage, or for a control token of a
   * chat template, made harmless. A head in the first line is ours and stays.
   */
  clean(text: string): string
}

/** `#3 ann: ` and `[docs/log.md:7]` at the beginning of any line but the first, whatever ends a line. */
const head = /(?:#(?=\d+\s[^\n]{0,300}:)|\[(?=[^\]\n]{1,300}:\d+\]))(?<=[\n\r\v\f\u0085\u2028\u2029]\s*[#[])/g

export function fenceOf(random: Random): Fence {
  const chance = random.split('prompt delimiter')
  const token = [chance.uint32(), chance.uint32()].map((word) => word.toString(16).padStart(8, '0')).join('')
  return {
    open: (label) => `<data-${token} ${label}>`,
    close: `</data-${token}>`,
    clean: (text) =>
      text
        .replaceAll(token, `${token.slice(0, 8)}-${token.slice(8)}`)
        .replace(head, (mark) => `${mark} `)
        .replace(/<(\/?)(data-)/gi, '< $1$2')
        .replace(/<\|/g, '< |')
        .replace(/\[(\/?INST)\]/g, '[ $1 ]'),
  }
}
