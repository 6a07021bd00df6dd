/** Pictures of sagas and of runs: what they show, and that nothing written in a saga can end a label. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runPicture, sagaPicture } from '../../src/workflow/picture.ts'
import { saga } from '../../src/workflow/saga.ts'
import { anyRun, anySaga, readPicture } from './picture-kit.ts'
import { stage } from './kit.ts'

const noop = { do: () => 1, undo: () => undefined }
const insure = saga('insure').step('policy', noop)
const trip = saga<{ readonly far: boolean }>('trip', { version: 3 })
  .step('hotel', noop)
  .parallel((group) => group.step('flight', noop).step('car', { do: () => 2, irreversible: { leaves: 'a "fee"' } }))
  .branch('way', ({ input }) => (input.far ? 'by air' : 'by rail'), {
    'by air': (flow) => flow.wait('approve', { approval: true, by: 'the boss', timeoutMs: 60_000 }),
    'by rail': (flow) => flow,
  })
  .child('cover', insure, { input: () => 1 })
  .sleep('night', 3_600_000)
  .forEach('rooms', { items: () => [1, 2, 3], step: noop })
  .step('charge', { do: () => 3, pivot: true })
  .step('mail', { do: () => 4, retriable: true })

describe('the picture of a saga', () => {
  it('shows each part with what it says of itself, and the pivot as that', () => {
    const picture = sagaPicture(trip)
    expect(picture).toBe(`flowchart TD
  n0(["trip v3"])
  n1["hotel<br/>can be undone"]
  n0 --> n1
  subgraph n2["at once"]
    n3["flight<br/>can be undone"]
    n4["car<br/>leaves#58; a #34;fee#34;"]
  end
  n1 --> n2
  n5{"way"}
  n2 --> n5
  n6{{"approve<br/>waits for a yes of the boss<br/>1m#44; then it fails"}}
  n5 -->|"by air"| n6
  subgraph n7["cover#58; saga insure v1"]
    n8["policy<br/>can be undone"]
  end
  n6 --> n7
  n5 -->|"by rail"| n7
  n9>"night<br/>sleeps 1h"]
  n7 --> n9
  n10[["rooms<br/>for each item#44; 8 at once<br/>can be undone"]]
  n9 --> n10
  n11["charge<br/>pivot#58; then only forward"]
  n10 --> n11
  n12["mail<br/>tried until it is done"]
  n11 --> n12
  n13(["completed"])
  n12 --> n13
  classDef isEdge stroke-width:1px
  class n0,n13 isEdge
  classDef isPivot stroke-width:4px
  class n11 isPivot
`)
    expect(readPicture(picture).nodes).toHaveLength(14)
  })

  it('is a flowchart whatever is written in the saga, with a way from its start to each part', () => {
    fc.assert(
      fc.property(anySaga, (any) => {
        const { nodes, edges, within } = readPicture(sagaPicture(any))
        const reached = new Set(['n0'])
        for (const [from, to] of edges) if (reached.has(from)) reached.add(to)
        // What stands in a box is reached with the box.
        const far = nodes.filter((id) => !reached.has(id) && !within.has(id))
        expect(far).toEqual([])
      }),
      { numRuns: 300 },
    )
  })
})

describe('the picture of a run', () => {
  it('shows how far it has come, by class and in words', async () => {
    const { workflow, clock } = await stage()
    const run = await workflow.start(trip, { far: true })
    await workflow.idle()
    const asked = runPicture(await run.view(), trip)
    const { classes } = readPicture(asked)
    expect(classes.get('isDone')).toEqual(['n1', 'n3', 'n4'])
    expect(classes.get('isRunning')).toEqual(['n6'])
    expect(asked).toContain('n6{{"approve<br/>waits for a yes of the boss<br/>1m#44; then it fails<br/>under way"}}')
    expect(asked).toContain('(["completed#63;"])')
    await clock.advance(60_000)
    const view = await run.result().then(() => run.view())
    const back = runPicture(view, trip)
    expect(readPicture(back).classes.get('isUndone')).toEqual(['n1', 'n3'])
    expect(readPicture(back).classes.get('isFailed')).toEqual(['n6'])
    expect(back).toContain('(["compensated"])')
    await workflow.close()
  })

  it('counts the items of a list, and takes the worst for its colour', () => {
    const steps = (['done', 'done', 'failed'] as const).map((status, at) => ({
      step: `rooms[${at}]`,
      kind: 'step' as const,
      status,
      attempts: 0,
    }))
    const picture = runPicture({ phase: 'running', steps }, trip)
    expect(picture).toContain('can be undone<br/>1 failed#44; 2 done')
    expect(readPicture(picture).classes.get('isFailed')).toEqual(['n10'])
  })

  it('shows the run of a child in its box where it is given', () => {
    const steps = [{ step: 'policy', kind: 'step' as const, status: 'done' as const, attempts: 0 }]
    const child = (step: string) => (step === 'cover' ? { phase: 'completed' as const, steps } : undefined)
    const { classes } = readPicture(runPicture({ phase: 'running', steps: [] }, trip, { child }))
    expect(classes.get('isDone')).toEqual(['n8'])
  })

  it('is a flowchart whatever is written in saga and run', () => {
    fc.assert(
      fc.property(anySaga, anyRun, (any, run) => {
        // Names of the saga itself, so that states are drawn.
        const steps = run.steps.map((step, at) => ({ ...step, step: any.definition.nodes[at]?.name ?? step.step }))
        const { nodes } = readPicture(runPicture({ ...run, steps }, any, { child: () => run }))
        expect(nodes).toEqual(readPicture(sagaPicture(any)).nodes)
      }),
      { numRuns: 300 },
    )
  })
})
