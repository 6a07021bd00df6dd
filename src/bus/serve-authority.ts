/**
 * Authority: who a connecting client is, and what it may do. The port between the server's connections, which ask once at
 * CONNECT and then at each subscription, publish and delivery, and the ways of telling (`serve-auth.ts`). Interfaces only.
 */

/** What a client said of itself in CONNECT, the fields that authenticate; each already bounded text. */
export interface Credentials {
  readonly user?: string
  readonly pass?: string
  readonly auth_token?: string
  /** A public nkey, and the signature of the server's nonce by it, base64url. */
  readonly nkey?: string
  readonly sig?: string
}

/** Subjects that are let through, and subjects that are not: `deny` wins. Without `allow`, all that is not denied is. */
export interface SubjectRules {
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
}

/** What a user may do, in the terms of a nats-server's `permissions`. What is left out is not restricted. */
export interface ServePermissions {
  /** Patterns, or rules of them; a list alone is `allow`. */
  readonly publish?: readonly string[] | SubjectRules
  /** As `publish`; an entry may be `subject queue`, which is about subscriptions in queue groups of that name alone. */
  readonly subscribe?: readonly string[] | SubjectRules
  /**
   * Lets the user publish to the reply subjects of the messages it gets, denied ones too; and with it, without
   * `publish.allow`, to no other. `max` answers to each (default 1), for `ttlMs` (default 120,000).
   */
  readonly responses?: boolean | { readonly max?: number; readonly ttlMs?: number }
}

/** What a client that was let in may do. */
export interface Grant {
  /** Name of the user, for logs and listings; never a secret. Absent where nobody is asked. */
  readonly user?: string
  /** Whether it may publish to this subject, now: a `true` may use up one of the answers that `responses` permits there. */
  readonly mayPublish: (subject: string) => boolean
  /** Whether it may subscribe to this pattern, in this queue group. */
  readonly maySubscribe: (pattern: string, queue: string | undefined) => boolean
  /**
   * Whether a message of this subject may be handed to a subscription in this queue group: one wider than a `deny` is
   * allowed and filtered. What it refuses counts as not delivered: another member of the group is asked. Absent when all may.
   */
  readonly mayReceive?: (subject: string, queue: string | undefined) => boolean
  /** To be called when a message with a reply has been handed to it: `responses` permits answers there. Absent without. */
  readonly replyGiven?: (reply: string) => void
}

export interface Authority {
  /** Whether INFO says `auth_required`. */
  readonly required: boolean
  /** Whether INFO carries a nonce to sign. */
  readonly signs: boolean
  /** The grant of one connection. Undefined when it is refused; why is not said to the client. Never throws. */
  authenticate(credentials: Credentials, nonce: string): Grant | undefined
}
