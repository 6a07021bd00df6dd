/**
 * The laws of the house. Each is seen red on a small broken tree, so that a law that has gone blind is found, and then all
 * run on the real tree.
 */
import { describe, expect, it } from 'vitest'
import { floors } from './tidy/house.ts'
import type { Law } from './tidy/law.ts'
import { exportsLaw, packagesLaw, planLaw } from './tidy/law-package.ts'
import { pureLaw, timeLaw } from './tidy/law-purity.ts'
import { checksLaw, cyclesLaw, dashboardLaw, driversLaw, floorsLaw, simLaw } from './tidy/law-structure.ts'
import { headsLaw, loopholesLaw, sizesLaw, testsLaw } from './tidy/law-style.ts'
import { laws, violationsOf } from './tidy/laws.ts'
import { sourcesOf } from './tidy/source.ts'
import { realTree } from './tidy/tree.ts'

const treeOf = (files: Record<string, string>) => new Map(Object.entries(files))
const red = (law: Law, files: Record<string, string>) => violationsOf(treeOf(files), [law])
/** Which of the texts, each alone at this path, the law lets pass. */
const passed = (law: Law, path: string, texts: readonly string[], more: Record<string, string> = {}) =>
  texts.filter((text) => red(law, { [path]: text, ...more }).length === 0)

describe('the real tree', () => {
  it('keeps every law of the house', () => {
    const tree = realTree()
    expect(sourcesOf(tree).length).toBeGreaterThan(50)
    expect(violationsOf(tree).join('\n')).toBe('')
  })

  it('has no law that is not run', () => {
    const proven = [floorsLaw, driversLaw, checksLaw, simLaw, dashboardLaw, cyclesLaw, pureLaw, timeLaw([])]
    const others = [headsLaw, sizesLaw, loopholesLaw, testsLaw, exportsLaw, packagesLaw, planLaw]
    expect(laws.map(({ name }) => name).sort()).toEqual([...proven, ...others].map(({ name }) => name).sort())
  })
})

describe('law of floors', () => {
  it('lets an import run down, types too, and none up', () => {
    const files = {
      'src/journal/a.ts': "import { x } from '../base/x.ts'\nimport type { S } from '../store/s.ts'",
      'src/base/x.ts': "import type { J } from '../journal/a.ts'",
      'src/store/s.ts': '',
    }
    expect(red(floorsLaw, files)).toEqual([
      'src/base/x.ts:1 floors: base (floor 1) imports journal (floor 3), above it',
    ])
  })

  it('keeps rooms of one floor apart, whatever the form of the import', () => {
    const forms = [
      "import '../store/s.ts'",
      "import a, { b } from '../store/s.ts'",
      "import * as s from '../store/s.ts'",
      "import {\n  type A,\n  b,\n} from '../store/s.ts'",
      "export * from '../store/s.ts'",
      "export * as s from '../store/s.ts'",
      "export type { S } from '../store/s.ts'",
      "const s = await import('../store/s.ts')",
      "type S = typeof import('../store/s.ts')",
      "type S = import('../store/s.ts').S",
      "new Worker(new URL('../store/s.ts', import.meta.url))",
    ]
    expect(passed(floorsLaw, 'src/bus/b.ts', forms, { 'src/store/s.ts': '' })).toEqual([])
  })

  it('lets the front door show node and nobody come in by it', () => {
    const files = {
      'src/index.ts': "export * from './node/node.ts'\nexport * from './server/http.ts'",
      'src/node/node.ts': '',
      'src/server/http.ts': "import { createNode } from '../index.ts'",
    }
    expect(red(floorsLaw, files)).toEqual([
      'src/index.ts:2 floors: index.ts (floor 7) imports server (floor 9), above it',
      'src/server/http.ts:1 floors: server imports the front door; import the room itself',
    ])
  })

  it('knows every room', () => {
    expect(red(floorsLaw, { 'src/pantry/x.ts': '', 'src/helper.ts': '' })).toEqual([
      'src/helper.ts:1 floors: helper.ts is no room of the plan; give it a floor',
      'src/pantry/x.ts:1 floors: pantry is no room of the plan; give it a floor',
    ])
  })
})

describe('law of drivers', () => {
  it('lets node and testing choose, and nobody else', () => {
    const choose = "import { sqlite } from '../store/sqlite.ts'"
    const files = {
      'src/store/sqlite.ts': "import './sqlite-worker.ts'",
      'src/store/sqlite-worker.ts': '',
      'src/node/node.ts': choose,
      'src/testing/kit.ts': choose,
      'src/journal/journal.ts': choose,
      'src/cli/main.ts': "import '../store/sqlite-worker.ts'",
    }
    expect(red(driversLaw, files)).toEqual([
      'src/cli/main.ts:1 drivers: imports the driver store/sqlite; only node, sim, testing choose drivers',
      'src/journal/journal.ts:1 drivers: imports the driver store/sqlite; only node, sim, testing choose drivers',
    ])
  })

  it('keeps drivers out of the face of their own room', () => {
    expect(red(driversLaw, { 'src/bus/index.ts': "export * from './memory.ts'", 'src/bus/memory.ts': '' })).toEqual([
      'src/bus/index.ts:1 drivers: the face of bus loads its driver memory; drivers have subpaths of their own',
    ])
  })
})

describe('law of conformance', () => {
  it('keeps published checks out of programs', () => {
    const files = {
      'src/bus/conformance.ts': "import './checks/order.ts'",
      'src/bus/checks/order.ts': '',
      'src/bus/index.ts': "export * from './conformance.ts'",
      'src/node/node.ts': "import '../bus/conformance.ts'",
      'src/sim/world.ts': "import '../bus/conformance.ts'",
    }
    expect(red(checksLaw, files).map((line) => line.split(' ')[0])).toEqual([
      'src/bus/index.ts:1',
      'src/node/node.ts:1',
    ])
  })
})

describe('law of the simulator', () => {
  it('lets cli and testing know it, and nobody else', () => {
    const use = "import { world } from '../sim/world.ts'"
    const files = {
      'src/sim/world.ts': '',
      'src/cli/sim.ts': use,
      'src/testing/kit.ts': use,
      'src/server/http.ts': use,
    }
    expect(red(simLaw, files)).toEqual([
      'src/server/http.ts:1 sim: imports src/sim/world.ts; only cli, testing and tests may know the simulator',
    ])
  })
})

describe('law of the dashboard', () => {
  it('lets it know the wire, as types', () => {
    const files = {
      'src/inspect/wire.ts': '',
      'src/base/id.ts': '',
      'dashboard/good.ts': "import type { Snapshot } from '../src/inspect/wire.ts'",
      'dashboard/value.ts': "import { Snapshot } from '../src/inspect/wire.ts'",
      'dashboard/other.ts': "import type { Id } from '../src/base/id.ts'",
    }
    expect(red(dashboardLaw, files).map((line) => line.split(' ')[0])).toEqual([
      'dashboard/other.ts:1',
      'dashboard/value.ts:1',
    ])
  })
})

describe('law of cycles', () => {
  it('finds a cycle of types over three files, tells it once and the shortest way', () => {
    const files = {
      'src/bus/a.ts': "\nimport type { B } from './b.ts'",
      'src/bus/b.ts': "export type { C } from './c.ts'",
      'src/bus/c.ts': "import { a } from './a.ts'\nimport { d } from './d.ts'",
      'src/bus/d.ts': "import { c } from './c.ts'",
    }
    expect(red(cyclesLaw, files)).toEqual([
      'src/bus/a.ts:2 cycles: imports itself: src/bus/a.ts -> src/bus/b.ts -> src/bus/c.ts -> src/bus/a.ts',
    ])
  })

  it('finds a file that imports itself, two knots apart, and none in a diamond', () => {
    const files = {
      'src/a.ts': "import './b.ts'\nimport './c.ts'",
      'src/b.ts': "import './d.ts'",
      'src/c.ts': "import './d.ts'",
      'src/d.ts': '',
      'src/e.ts': "await import('./e.ts')",
      'src/f.ts': "import './g.ts'",
      'src/g.ts': "import './f.ts'",
    }
    expect(red(cyclesLaw, files)).toEqual([
      'src/e.ts:1 cycles: imports itself: src/e.ts -> src/e.ts',
      'src/f.ts:1 cycles: imports itself: src/f.ts -> src/g.ts -> src/f.ts',
    ])
  })
})

describe('law of pure cores', () => {
  const core = (text: string, more: Record<string, string> = {}) =>
    red(pureLaw, { 'src/raft/core/step.ts': text, ...more })

  it('refuses the platform in a core, by module and by name', () => {
    const impure = [
      "import { readFileSync } from 'node:fs'",
      "import type { Worker } from 'node:worker_threads'",
      'const now = Date.now()',
      'const now = new Date()',
      'const now = new Date',
      'const text = Date()',
      'setTimeout(tick, 5)',
      'const again = setInterval',
      'const r = Math.random()',
      "await fetch('https://example.org')",
      'process.exit(1)',
      'const id = crypto.randomUUID()',
      'const key = crypto.subtle',
      'const now = performance.now()',
      "const m = await import('./other.ts')",
    ]
    expect(passed(pureLaw, 'src/raft/core/step.ts', impure)).toEqual([])
    expect(passed(pureLaw, 'src/vote/rule.ts', impure)).toEqual([])
    expect(passed(pureLaw, 'src/raft/replica.ts', impure)).toEqual(impure)
  })

  it('takes the same words in comments, texts, keys and properties', () => {
    const pure = [
      '// Date.now() is the platform',
      "const text = 'Math.random()'",
      'const text = `new Date() ${1} fetch()`',
      'const found = /setTimeout/.test(text)',
      'const time = new Date(epochMs)',
      'state.process(input)',
      'const plan = { process: 1, crypto: 2 }',
      'this.#fetch(1)',
    ]
    expect(passed(pureLaw, 'src/raft/core/step.ts', pure)).toEqual(pure)
  })

  it('follows what a core runs to the platform, over any number of files, and not its types', () => {
    const more = {
      'src/raft/replica.ts': "import { a } from './a.ts'",
      'src/raft/a.ts': "import { b } from '../base/b.ts'",
      'src/base/b.ts': "import { open } from 'node:fs'",
    }
    expect(core("import type { Replica } from '../replica.ts'", more)).toEqual([])
    expect(core("import { type Replica } from '../replica.ts'", more)).toEqual([
      'src/raft/core/step.ts:1 pure cores: is not pure, by way of src/raft/replica.ts -> src/raft/a.ts -> src/base/b.ts, which imports node:fs',
    ])
    expect(core("export * from '../../base/b.ts'", more)).toHaveLength(1)
  })

  it('lets a core run pure files of its room and below', () => {
    const more = { 'src/raft/term.ts': "import { assert } from '../base/error.ts'", 'src/base/error.ts': 'throw 1' }
    expect(core("import { term } from '../term.ts'", more)).toEqual([])
  })
})

describe('law of time and chance', () => {
  it('lets the system clock alone touch them', () => {
    const text = 'export const now = () => Date.now()\nsetImmediate(now)'
    const files = { 'src/base/system-clock.ts': text, 'src/bus/b.ts': text }
    expect(red(timeLaw([]), files)).toEqual([
      'src/bus/b.ts:1 time and chance: takes Date.now from the platform; take a Clock, a Random or an Entropy',
      'src/bus/b.ts:2 time and chance: takes setImmediate from the platform; take a Clock, a Random or an Entropy',
    ])
  })

  it('finds each of their names', () => {
    const dates = ['new Date()', 'new Date( )', 'Date.now', 'Date()', 'performance.now()', 'process.hrtime()']
    const timers = ['setInterval(f)', 'AbortSignal.timeout(5)', "import { setTimeout } from 'node:timers/promises'"]
    const chance = ['Math.random()', 'randomUUID()', 'randomBytes(5)', 'crypto.getRandomValues(a)']
    const names = [...dates, ...timers, ...chance, "import * as hooks from 'node:perf_hooks'"]
    expect(passed(timeLaw([]), 'src/bus/b.ts', names)).toEqual([])
  })

  it('allows a name to a file with a reason, and takes the allowance away when it is idle', () => {
    const allowed = [{ path: 'src/bus/b.ts', name: 'setImmediate', why: 'to give way' }]
    expect(red(timeLaw(allowed), { 'src/bus/b.ts': 'setImmediate(f)' })).toEqual([])
    expect(red(timeLaw(allowed), { 'src/bus/b.ts': 'setImmediate(f)\nDate.now()' })).toHaveLength(1)
    expect(red(timeLaw(allowed), { 'src/bus/b.ts': '' })).toEqual([
      'src/bus/b.ts:1 time and chance: no longer uses setImmediate; take its allowance away',
    ])
  })
})

describe('law of file heads', () => {
  const head = '/**\n * Queue: what stands behind every stream. It never waits.\n */\n'

  it('takes a sentence before all else, after a shebang too', () => {
    expect(red(headsLaw, { 'src/a.ts': `${head}import './b.ts'`, 'src/b.ts': `#!/usr/bin/env node\n${head}` })).toEqual(
      [],
    )
  })

  it('refuses no head, a late one, a plain comment, and one without a sentence', () => {
    const files = {
      'src/a.ts': "import './b.ts'",
      'src/b.ts': `import './a.ts'\n${head}`,
      'src/c.ts': head.replace('/**', '/*'),
      'src/d.ts': '/** Queue. */',
      'src/e.ts': '/**\n * a b c d e f g h\n */',
      'src/f.ts': `\n${head}`,
    }
    expect(red(headsLaw, files).map((line) => line.split(':')[0])).toEqual(Object.keys(files))
  })
})

describe('law of sizes', () => {
  it('takes 500 lines and refuses 501', () => {
    const lines = (count: number) => 'x\n'.repeat(count)
    expect(red(sizesLaw, { 'src/a.ts': lines(500), 'test/b.ts': lines(501), 'src/c.ts': `${lines(500)}x` })).toEqual([
      'src/c.ts:501 sizes: has 501 lines; 500 at most',
      'test/b.ts:501 sizes: has 501 lines; 500 at most',
    ])
  })
})

describe('law of loopholes', () => {
  it('refuses what silences a tool or puts work off, and takes the words as code or text', () => {
    const refused = [
      '// oxlint-disable-next-line no-console',
      '/* eslint-disable */',
      '// @ts-ignore',
      '// @ts-expect-error -- later',
      '// TODO: the rest',
      'const x = y as any',
      'const x = y as unknown as any',
      'const x = <any>y',
    ]
    const taken = ["const x = 'TODO as any'", 'const anything = x as anyOf', '// as any person would']
    expect(passed(loopholesLaw, 'src/a.ts', refused.concat(taken))).toEqual(taken)
    expect(red(loopholesLaw, { 'test/a.test.ts': refused.join('\n') })).toEqual([])
  })
})

describe('law of tests', () => {
  it('refuses only, a skip or todo without a reason, and a name that begins with should', () => {
    const refused = [
      "it.only('a', f)",
      "describe.only('a', f)",
      "test.concurrent.only('a', f)",
      "it.only.each([1])('a', f)",
      "it.skip('a', f)",
      "it.todo('a')",
      "it('should work', f)",
      'describe(`Should work`, f)',
      "it.each([\n  ['(', 1],\n])(\n  'should take %s',\n  f,\n)",
    ]
    expect(passed(testsLaw, 'test/a.test.ts', refused)).toEqual([])
  })

  it('takes a skip with its reason, and the word should elsewhere', () => {
    const taken = [
      "// needs a server that is not on this machine\nit.skip('a', f)",
      "it.skip('a', f) // needs a server",
      "it('knows what one should do', () => ask('should we go?'))",
      "parse('should', it)",
      'const it = { only: 1 }',
      "// it.only('a')",
    ]
    expect(passed(testsLaw, 'test/a.test.ts', taken)).toEqual(taken)
  })
})

describe('law of exports', () => {
  const files = {
    'src/index.ts': '',
    'src/bus/index.ts': '',
    'src/bus/memory.ts': '',
    'src/bus/memory-ring.ts': '',
    'src/bus/conformance.ts': '',
    'src/bus/core/trie.ts': '',
    'src/bus/subject.ts': '',
  }
  const whole = {
    '.': './dist/index.js',
    './bus': './dist/bus/index.js',
    './bus/memory': { types: './dist/bus/memory.d.ts', default: './dist/bus/memory.js' },
    './bus/conformance': './dist/bus/conformance.js',
    './package.json': './package.json',
    './bus/core/*': null,
  }
  const found = (exports: object) => red(exportsLaw, { ...files, 'package.json': JSON.stringify({ exports }, null, 2) })

  it('takes faces, drivers and conformance, each at its path', () => {
    expect(found(whole)).toEqual([])
  })

  it('refuses a face, a driver or a conformance that is not exported', () => {
    const gone = new Set(['.', './bus/memory', './bus/conformance'])
    const rest = Object.fromEntries(Object.entries(whole).filter(([subpath]) => !gone.has(subpath)))
    expect(found(rest)).toEqual([
      'src/bus/conformance.ts:1 exports: is not exported as ./bus/conformance',
      'src/bus/memory.ts:1 exports: is not exported as ./bus/memory',
      'src/index.ts:1 exports: is not exported as .',
    ])
    expect(found({ ...whole, './bus': null })).toEqual(['src/bus/index.ts:1 exports: is not exported as ./bus'])
  })

  it.each([
    ['./bus/nats', './dist/bus/nats.js', 'there is no src/bus/nats.ts'],
    ['./bus/trie', './dist/bus/core/trie.js', 'no face, driver or conformance'],
    ['./bus/subject', './dist/bus/subject.js', 'no face, driver or conformance'],
    ['./bus/memory-ring', './dist/bus/memory-ring.js', 'no face, driver or conformance'],
    ['./bus/*', './dist/bus/*.js', 'there is no src/bus/*.ts'],
    ['./bus', './dist/bus/memory.js', 'its file is src/bus/index.ts'],
    ['./bus/memory', { default: './src/bus/memory.ts' }, 'no file of dist'],
  ])('refuses %s as %j', (subpath, target, why) => {
    expect(found({ ...whole, [subpath]: target })).toEqual([expect.stringContaining(why)])
    expect(found({ ...whole, [subpath]: target })[0]).toMatch(/^package\.json:[1-9]/)
  })
})

describe('law of packages', () => {
  const found = (code: string, manifest: object) =>
    red(packagesLaw, { 'src/a.ts': code, 'package.json': JSON.stringify(manifest, null, 2) })
  const needs = { dependencies: { zod: '1' } }
  const offers = { peerDependencies: { '@nats/core': '1' }, peerDependenciesMeta: { '@nats/core': { optional: true } } }

  it('takes dependencies by import, optional peers by import() and as types', () => {
    const code =
      "import { z } from 'zod/v4'\nimport type { N } from '@nats/core'\nawait import('@nats/core/lib')\nimport 'node:fs'"
    expect(found(code, { ...needs, ...offers })).toEqual([])
  })

  it.each([
    ["import 'zod'", {}, 'src/a.ts:1 packages: zod is not in dependencies'],
    ["import type { Z } from 'zod'", {}, 'src/a.ts:1 packages: zod is no dependency or optional peer'],
    [
      "await import('zod')",
      needs,
      "src/a.ts:1 packages: import('zod') loads what is no optional peer; import it statically",
    ],
    ['', needs, 'package.json:3 packages: zod is never imported by src'],
    ['', offers, 'package.json:3 packages: the optional peer @nats/core is never imported'],
    [
      "import type { N } from '@nats/core'",
      offers,
      'package.json:3 packages: the optional peer @nats/core is never imported',
    ],
    ["import 'fs'", {}, 'src/a.ts:1 packages: fs is not in dependencies'],
  ])('refuses %j with %j', (code, manifest, told) => expect(found(code, manifest)).toEqual([told]))

  it('refuses a peer that is imported statically, and one that is not optional', () => {
    const code = "import '@nats/core'\nawait import('@nats/core')"
    expect(found(code, offers)).toEqual(['src/a.ts:1 packages: @nats/core is an optional peer; bring it by import()'])
    expect(found('', { peerDependencies: { nats: '1' } })).toEqual([
      'package.json:3 packages: the peer nats is not marked as optional',
    ])
  })
})

describe('law of the plan', () => {
  const page = (rows: readonly string[]) => ({
    'ARCHITECTURE.md': ['| floor | rooms |', '| --- | --- |', ...rows].join('\n'),
  })
  const rows = Array.from({ length: 10 }, (_, at) => {
    const rooms = [...floors].filter(([, floor]) => floor === at + 1).map(([room]) => room)
    return `| ${at + 1} | ${rooms.join(', ')} |`
  })

  it('takes the page whose table is the plan of these laws', () => {
    expect(red(planLaw, page(rows))).toEqual([])
  })

  it('refuses another floor, a room left out, one too many, and no table', () => {
    const changed = rows.map((row) =>
      row.replace('journal', 'diary').replace(', cli', '').replace('| cli, ', '| raft, '),
    )
    expect(red(planLaw, page(changed))).toEqual([
      'ARCHITECTURE.md:1 plan: does not tell the floor of cli',
      'ARCHITECTURE.md:1 plan: does not tell the floor of journal',
      'ARCHITECTURE.md:12 plan: puts raft on floor 10; the laws, on 4',
      'ARCHITECTURE.md:5 plan: puts diary on floor 3; the laws, on undefined',
    ])
    expect(red(planLaw, {})).toEqual(['ARCHITECTURE.md:1 plan: has no table of floors: | floor | rooms |'])
  })
})
