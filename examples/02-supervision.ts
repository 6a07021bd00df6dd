/**
 * Three workers in a line under a supervisor. Bob fails at his third job; whoever comes after him starts again with him, ann
 * goes on. At his second failure within the period the supervisor has had enough. Run: npx node examples/02-supervision.ts
 */
import { actor, actorSystem, child, supervisor } from '../src/actor/index.ts'

const startMs = performance.now()
const tell = (text: string) => console.log(`${Math.round(performance.now() - startMs)} ms`.padStart(8), text)

const worker = actor({
  type: 'worker',
  version: 1,
  state: (options: { name: string; failsAt?: number }) => ({ ...options, jobs: 0 }),
  init(ctx) {
    tell(`${ctx.state.name} starts`)
    ctx.sendEvery(100, 'work')
  },
  terminate(ctx, reason) {
    tell(`${ctx.state.name} ends after ${ctx.state.jobs} jobs: ${reason instanceof Error ? reason.message : reason}`)
  },
  on: {
    work({ state }) {
      if (++state.jobs === state.failsAt) throw new Error(`job ${state.jobs} was too much`)
      tell(`${state.name} has done job ${state.jobs}`)
    },
  },
})

const line = supervisor({
  strategy: 'rest-for-one',
  intensity: 1,
  backoff: { minMs: 150, jitter: 0 },
  children: [
    child('ann', worker, { name: 'ann' }),
    child('bob', worker, { name: 'bob', failsAt: 3 }),
    child('cyd', worker, { name: 'cyd' }),
  ],
})

const watcher = actor({
  type: 'watcher',
  version: 1,
  state: (ended: () => void) => ({ ended }),
  init(ctx) {
    ctx.monitor(ref)
  },
  onSignal(ctx, signal) {
    if (signal.type !== 'down') return
    tell(`the supervisor ends: ${signal.reason instanceof Error ? signal.reason.message : signal.reason}`)
    ctx.state.ended()
  },
  on: {},
})

await using system = actorSystem({ node: 'alpha' })
const ref = system.spawn(line, undefined, { name: 'line', restart: 'temporary' })
await ref.ready
await new Promise<void>((ended) => system.spawn(watcher, ended))
