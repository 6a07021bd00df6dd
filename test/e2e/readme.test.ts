import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from './cli.ts'

const readme = readFileSync(join(root, 'README.md'), 'utf8')
const pages = new Map([
  ['README.md', readme],
  ...readdirSync(join(root, 'docs/guide')).map(
    (file) => [`docs/guide/${file}`, readFileSync(join(root, 'docs/guide', file), 'utf8')] as const,
  ),
])
const shown = [...pages].flatMap(([page, text]) =>
  [...text.matchAll(/<!-- example: (\S+) -->/g)].map(([, path = '']) => ({ page, path })),
)

describe('the pages', () => {
  it.each(shown)('$page shows $path as it is', ({ page, path }) => {
    const [, ...lines] = readFileSync(join(root, path), 'utf8').split('\n')
    const published = lines.join('\n').replace(/'\.\.\/src\/([\w/-]+)\.ts'/g, (_path, file: string) => {
      const subpath = file.replace(/\/?index$/, '')
      return subpath === '' ? "'colloquy'" : `'colloquy/${subpath}'`
    })
    expect(pages.get(page)).toContain(`\`\`\`ts\n${published}\`\`\``)
  })

  it('name only files that are there', () => {
    const links = [...pages].flatMap(([page, text]) =>
      [...text.matchAll(/\]\(([^)#:]+)\)/g)].map(([, target = '']) => join(page, '..', target)),
    )
    expect(links.length).toBeGreaterThan(3)
    for (const link of links) expect(() => readdirSync(join(root, link, '..'))).not.toThrow()
    for (const link of links) expect(readdirSync(join(root, link, '..'))).toContain(link.split('/').at(-1))
  })
})

describe('the examples', () => {
  const examples = readdirSync(join(root, 'examples')).filter((file) => file.endsWith('.ts'))
  it.each(examples)('%s runs to its end', (file) => {
    const { status, stderr, stdout } = spawnSync(process.execPath, [join('examples', file)], {
      cwd: root,
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    expect(status).toBe(0)
    expect(stdout).not.toBe('')
  })
})
