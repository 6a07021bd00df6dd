/** What the tests of reactors share: a bus that takes notes, a reactor that answers, and a run that ends with its test. */
import { onTestFinished } from 'vitest'
import type { CloudEvent } from '../../src/base/envelope.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { Bus } from '../../src/bus/bus.ts'
import { eventOf } from '../../src/bus/event.ts'
import { gather } from '../../src/journal/conformance-kit.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { reactor } from '../../src/journal/reactor.ts'
import type { Reactor } from '../../src/journal/reactor.ts'
import { runReactor } from '../../src/journal/reactor-runner.ts'
import type { ReactorRunner, RunReactorOptions } from '../../src/journal/reactor-runner.ts'
import type { World } from './projection-kit.ts'

/** A bus that takes note of what was confirmed, and fails when it is told to. */
export class NotingBus implements Pick<Bus, 'publish' | 'flush'> {
  readonly sent: { subject: string; event: CloudEvent }[] = []
  readonly #unconfirmed: { subject: string; event: CloudEvent }[] = []
  /** What `flush` does; it may throw. */
  onFlush: () => void = () => {}
  onPublish: (subject: string) => void = () => {}

  publish(
    subject: string,
    data: Uint8Array,
    options: { headers?: Record<string, string | readonly string[]> } = {},
  ): void {
    this.onPublish(subject)
    const headers = Object.fromEntries(
      Object.entries(options.headers ?? {}).map(([name, value]) => [name, [value].flat()]),
    )
    this.#unconfirmed.push({ subject, event: eventOf({ headers, data }) as CloudEvent })
  }

  async flush(): Promise<void> {
    this.onFlush()
    this.sent.push(...this.#unconfirmed.splice(0))
  }

  data(): unknown[] {
    return this.sent.map(({ event }) => event.data)
  }
}

export async function run(
  definition: Reactor,
  world: World,
  more: Partial<RunReactorOptions> = {},
): Promise<{ runner: ReactorRunner; bus: NotingBus }> {
  const bus = new NotingBus()
  const runner = await runReactor(definition, { ...world, bus, random: seededRandom(1), ...more })
  onTestFinished(() => runner.stop())
  return { runner, bus }
}

export const echo: Reactor = reactor({
  name: 'echo',
  on: {
    asked: (event: CloudEvent<number>, { publish }) => publish('answers', { type: 'answered', data: event.data * 2 }),
  },
})

export async function dataOf(journal: Journal, stream: string): Promise<unknown[]> {
  return (await gather(journal.read(stream))).map(({ event }) => event.data)
}
