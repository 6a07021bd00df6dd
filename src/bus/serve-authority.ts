/**
 * Authority: who a connecting client is, and what it may do. The port between the server's connections, which ask once at
 * CONNECT and then at each subscription and publish, and the ways of telling (`serve-auth.ts`). Interfaces only.
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

/** What a client that was let in may do. */
export interface Grant {
  /** Name of the user, for logs and listings; never a secret. Absent where nobody is asked. */
  readonly user?: string
  /** Whether it may publish to this subject. `replied` is asked for subjects that were a `reply` it received. */
  readonly mayPublish: (subject: string) => boolean
  /** Whether it may subscribe to this pattern, in this queue group. */
  readonly maySubscribe: (pattern: string, queue: string | undefined) => boolean
  /**
   * Whether a message of this subject may be handed to it: a subscription wider than a `deny` is allowed and filtered.
   * Absent when all may.
   */
  readonly mayReceive?: (subject: string) => boolean
  /** Called when a message with a reply is handed to it: `responses` permits answers there for a while. Absent when not used. */
  readonly replyGiven?: (reply: string) => void
}

export interface Authority {
  /** Whether INFO says `auth_required`. */
  readonly required: boolean
  /** Whether INFO carries a nonce to sign. */
  readonly signs: boolean
  /** Undefined when it is refused; why is not said to the client. */
  authenticate(credentials: Credentials, nonce: string): Grant | undefined
}
