/** What each role of the realm `main` may do, said one by one: the table that the embedded and a real server must follow. */
import type { AclRole } from '../../src/bus/acl.ts'

export interface AclCase {
  readonly role: AclRole
  readonly operation: 'publish' | 'subscribe'
  readonly subject: string
  readonly allowed: boolean
}

const all = [
  'clq.main.node.alpha.heartbeat',
  'clq.main.node.alpha.inspect',
  'clq.main.nodes.inspect',
  'clq.main.nodes.spawn',
  'clq.main.actor.alpha.7',
  'clq.main.name.tally',
  'clq.main.event.order.placed',
  'clq.main.state.agents',
  'clq.main.raft.ops.alpha',
  'clq.main.bft.ops.alpha',
  'clq.main.>',
  'clq.main.name.>',
  'clq.main.event.>',
  'clq.other.event.order.placed',
  'clq.>',
  'orders.new',
  '>',
  '_INBOX.abc',
  '_INBOX.>',
  '_INBOX_node.abc',
  '_INBOX_node.>',
  '_INBOX_caller.abc.*',
  '_INBOX_service.abc',
  '_INBOX_inspector.abc',
]

const allowed: Readonly<Record<AclRole, Readonly<Record<AclCase['operation'], (subject: string) => boolean>>>> = {
  node: {
    publish: (subject) => subject.startsWith('clq.main.'),
    subscribe: (subject) => subject.startsWith('clq.main.') || subject.startsWith('_INBOX_node.'),
  },
  publisher: { publish: (subject) => subject.startsWith('clq.main.event.'), subscribe: () => false },
  watcher: { publish: () => false, subscribe: (subject) => subject.startsWith('clq.main.event.') },
  caller: {
    publish: (subject) => subject.startsWith('clq.main.name.'),
    subscribe: (subject) => subject.startsWith('_INBOX_caller.'),
  },
  service: { publish: () => false, subscribe: (subject) => subject.startsWith('clq.main.name.') },
  inspector: {
    publish: (subject) => subject === 'clq.main.node.alpha.inspect' || subject === 'clq.main.nodes.inspect',
    subscribe: (subject) => subject.startsWith('_INBOX_inspector.'),
  },
}

/** Wildcards are for subscriptions alone. */
export const aclCases: readonly AclCase[] = (Object.keys(allowed) as AclRole[]).flatMap((role) =>
  (['publish', 'subscribe'] as const).flatMap((operation) =>
    all
      .filter((subject) => operation === 'subscribe' || !/[*>]/.test(subject))
      .map((subject) => ({ role, operation, subject, allowed: allowed[role][operation](subject) })),
  ),
)
