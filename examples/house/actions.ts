/** What the sample agenda does with its decision: a saga of two steps that leaves nothing but its own events in the journal. */
import type { Decision } from '../../src/convene/index.ts'
import { saga } from '../../src/workflow/index.ts'

export const adopt = saga<Decision>('adopt')
  .step('draft', {
    // It changes nothing, so there is nothing to undo.
    readOnly: true,
    do: ({ decision, topic, dissent = [] }) => ({
      order: `${decision}: this is how we build it.`,
      asked: topic,
      heard: dissent.map(({ participant, instead }) => `${participant} would have had ${instead.join(' or ')}`),
    }),
  })
  .step('file', {
    input: ({ input, out }) => ({ ...out.draft, record: input.record.head }),
    // Emitted if and only if the result of the step is recorded, whatever is killed meanwhile.
    do: (order, context) => context.emit('house.order.filed', order),
    undo: (order, _filed, context) => context.emit('house.order.withdrawn', { order: order.order }),
  })
  .gives(({ out }) => out.draft.order)
