/**
 * The known bugs of what stands around a raft core, each as a change of our source that puts it back: of the replica, its log and its
 * sessions. Unlike those of mutant.ts the core does not know of them. They are applied to a copy, never here.
 */
import type { Change } from './mutant.ts'

export interface ReplicaMutant {
  readonly name: string
  /** Where it was a real bug, or what it takes back. */
  readonly source: string
  /** Files below src/raft. */
  readonly changes: readonly Change[]
  /** What is sure to go red: one of so many worlds from seed 1 on, or a test by its file below test/raft and its name. */
  readonly caughtBy: number | { readonly file: string; readonly test: string }
}

export const replicaMutants: readonly ReplicaMutant[] = [
  {
    name: 'a save counts before it is synced',
    source: 'etcd issue 14140; NATS 2.12.1 by default, Jepsen 2025',
    changes: [
      {
        file: 'replica-node.ts',
        from: 'log.save({ hardState, entries, snapshot, sync: sync || ordered || snapshot !== undefined }).then(',
        to: 'log.save({ hardState, entries, snapshot, sync: false }).then(',
      },
    ],
    caughtBy: 30,
  },
  {
    name: 'what a save answers goes to others before the save has resolved',
    source: 'thesis 3.8',
    changes: [
      {
        file: 'replica-node.ts',
        from: '    log.save({ hardState, entries, snapshot,',
        to:
          '    if (snapshot === undefined) this.#respond(responses.filter(({ to }) => to !== this.raw.id))\n' +
          '    log.save({ hardState, entries, snapshot,',
      },
    ],
    caughtBy: 30,
  },
  {
    name: 'after a crash what was committed counts as applied, though the snapshot does not hold it',
    source: 'etcd issue 13766: the consistent index was kept without what it stands for',
    changes: [
      {
        file: 'replica-engine.ts',
        from: '        id,\n        this.replicated.index,\n',
        to:
          '        id,\n        settings.log.snapshot() === undefined ? this.replicated.index : ' +
          'Math.max(this.replicated.index, settings.log.storage.initialState().hardState.commit),\n',
      },
    ],
    caughtBy: 30,
  },
  {
    name: 'a snapshot says less than it holds',
    source: 'etcd issue 13766, the other way round: entries are applied twice after a restart',
    changes: [
      {
        file: 'replicated.ts',
        from: '    return {\n      index: this.#index,\n      term: this.#term,\n      timeMs',
        to: '    return {\n      index: this.#index - 1,\n      term: this.#term,\n      timeMs',
      },
    ],
    caughtBy: 30,
  },
  {
    name: 'a leader with a stalled log keeps leading',
    source: 'etcd issue 13527',
    changes: [
      {
        file: 'replica-engine.ts',
        from: 'node.saveAgeMs <= electionTimeoutMs) return',
        to: 'node.saveAgeMs <= Infinity) return',
      },
    ],
    caughtBy: {
      file: 'replica-disk.test.ts',
      test: 'of a leader: its heartbeats go on, it says so and hands leadership over',
    },
  },
  {
    name: 'ticks wait for the log',
    source: 'etcd issue 13527: the ticker was blocked, and nobody heard of the leader',
    changes: [
      {
        file: 'replica-node.ts',
        from: '      this.catchUp()\n      this.#host.ticked()',
        to: '      if (this.#savesMs.length === 0) this.catchUp()\n      this.#host.ticked()',
      },
    ],
    caughtBy: {
      file: 'replica-disk.test.ts',
      test: 'of a leader: its heartbeats go on, it says so and hands leadership over',
    },
  },
  {
    name: 'a read does not wait until what it must see is applied',
    source: 'thesis 6.4, step 4: stale after a restart and at every follower that lags',
    changes: [{ file: 'replica-reads.ts', from: 'read.index = index', to: 'read.index = Math.min(index, 0)' }],
    caughtBy: 30,
  },
  {
    name: 'a member that was started again reads what it has while it knows no leader',
    source: 'etcd issue 14140: stale reads after a restart',
    changes: [
      {
        file: 'replica-engine.ts',
        from: '    try {\n      node.raw.readIndex(context)\n    } catch {\n      return false\n    }',
        to:
          '    if (node.raw.basicStatus().leader === 0) {\n' +
          '      queueMicrotask(() => this.reads.readable([{ index: 0, context }]))\n' +
          '      return true\n    }\n' +
          '    node.raw.readIndex(context)',
      },
      { file: 'replica-engine.ts', from: 'if (leader !== 0) this.reads.flush()', to: 'this.reads.flush()' },
    ],
    caughtBy: 30,
  },
  {
    name: 'a leader that was stopped serves reads of followers by a lease that is over',
    source: 'found here: messages may be seen before the timer that tells of the time',
    changes: [
      {
        file: 'replica-node.ts',
        from: '    if (this.#settings.lease) this.catchUp()\n    if (this.#stopped) return\n',
        to: '',
      },
    ],
    caughtBy: {
      file: 'replica-lease.test.ts',
      test: 'serves no read of a follower that comes before the first tick',
    },
  },
  {
    name: 'the answer to a read of an earlier life confirms one of this life',
    source: 'etcd issue 20418, over a restart',
    changes: [{ file: 'replica-reads.ts', from: 'this.#life = life', to: 'this.#life = life.map(() => 0)' }],
    caughtBy: {
      file: 'replica-reads.test.ts',
      test: 'is not confirmed by the answer to a round of an earlier life',
    },
  },
  {
    name: 'a proposal that comes again is applied again',
    source: 'thesis 6.3; Redis Raft, Jepsen',
    changes: [
      {
        file: 'replicated.ts',
        from: "if (typeof admitted !== 'string') return { type: 'answered', session, sequence, answer: admitted, fresh: false }\n    if (admitted !== 'new')",
        to: "if (typeof admitted === 'string' && admitted !== 'new')",
      },
    ],
    caughtBy: 30,
  },
  {
    name: 'sessions are lost with a snapshot',
    source: 'thesis 6.3: the sessions are part of the state',
    changes: [
      { file: 'replicated.ts', from: '      sweptMs,\n      sessions,\n', to: '      sweptMs,\n      sessions: [],\n' },
    ],
    caughtBy: 30,
  },
  {
    name: 'sessions expire by the clock of each member',
    source: 'thesis 6.3: members must agree on it',
    changes: [
      {
        file: 'replicated.ts',
        from: 'if (envelope.timeMs > this.#timeMs) this.#timeMs = envelope.timeMs',
        to: 'this.#timeMs = Date.now()',
      },
    ],
    caughtBy: 30,
  },
  {
    name: 'a proposal whose session is over is made again in another one, though it may have been applied',
    source: 'a retry that is no retry',
    changes: [
      {
        file: 'replica-proposals.ts',
        from: '    if (earlier) return this.#reject(pending, new OutcomeUnknown(key))\n    // Certainly',
        to: '    // Certainly',
      },
    ],
    caughtBy: {
      file: 'replica-proposals.test.ts',
      test: 'has an unknown outcome when it was given away twice: the other time may have been applied',
    },
  },
  {
    name: 'a proposal whose time is over is said not to be applied',
    source: 'Redis Raft, Jepsen: a timeout is no no',
    changes: [
      {
        file: 'replica-proposals.ts',
        from: '    if (pending.attempts === 0 && !pending.repeated) return this.#reject(pending, why())\n    if',
        to: '    if (!pending.repeated) return this.#reject(pending, why())\n    if',
      },
    ],
    caughtBy: 30,
  },
  {
    name: 'a proposal is answered when it is passed on to the leader',
    source: 'an answer before the commit; NATS 2.12.1 acknowledges before the disk',
    changes: [
      {
        file: 'replica-proposals.ts',
        from: '      each.sentMs = nowMs\n    }',
        to: "      each.sentMs = nowMs\n      if (each.kind === 'command') this.#resolve(each, { result: true, index: 1, term: 1 })\n    }",
      },
    ],
    caughtBy: 10,
  },
  {
    name: 'one refusal counts for all attempts of a proposal',
    source: 'a false no: an earlier attempt may be in the log',
    changes: [{ file: 'replica-proposals.ts', from: '    pending.attempts--\n', to: '    pending.attempts = 0\n' }],
    caughtBy: {
      file: 'replica-proposals.test.ts',
      test: 'has an unknown outcome when it was given away twice: the other attempt may be in the log',
    },
  },
  {
    name: 'a frame that its carrier doubles is taken twice',
    source:
      'found here by worlds of replicas: a refusal that came twice made a false no of an attempt that was under way',
    changes: [
      {
        file: 'message-link.ts',
        from: 'if (!this.#window.take(from, life, number)) return',
        to: 'void [life, number]',
      },
    ],
    caughtBy: {
      file: 'message-link.test.ts',
      test: 'are taken once each, however often and in whatever order the carrier brings them',
    },
  },
  {
    name: 'an answer is given up that a retry may ask for',
    source: 'thesis 6.3: what a client has not got must be kept',
    changes: [{ file: 'client-session.ts', from: ' && !this.unknown.has(this.#floor)', to: '' }],
    caughtBy: 60,
  },
  {
    name: 'an answer that rests on a save under way leaves before it',
    source: 'found here: what need not be synced resolves when it is written',
    changes: [
      {
        file: 'replica-node.ts',
        from: 'sync: sync || ordered || snapshot !== undefined',
        to: 'sync: sync || snapshot !== undefined',
      },
    ],
    caughtBy: 60,
  },
  {
    name: 'a store that was lost votes under its old identity',
    source: 'thesis 3.8; Jepsen: total loss on failover',
    changes: [
      {
        file: 'replica-frames.ts',
        from: 'const id = row?.token === hello.token ? row.id : 0',
        to: 'const id = row?.id ?? 0',
      },
    ],
    caughtBy: 30,
  },
  {
    name: 'the word of a commit is kept before what it commits',
    source: 'of a save that power tears, the hard state may be there and the entries not',
    changes: [
      {
        file: 'replica-node.ts',
        from: 'if (held === undefined || held.commit <= stable) {',
        to: 'if (held === undefined || held.commit <= Infinity) {',
      },
    ],
    caughtBy: {
      file: 'replica-disk.test.ts',
      test: 'that keeps the word of a commit and not what it commits, of a save that power tore, does no harm',
    },
  },
  {
    name: 'a save that installs a snapshot resolves behind later ones',
    source: 'found here by worlds of replicas: the last index ran back, and a vote could go to a shorter log',
    changes: [
      {
        file: 'log-segments-store.ts',
        from: 'this.#sweeping = this.#sweeping.then(() => this.sweep())',
        to: 'await this.sweep()',
      },
    ],
    caughtBy: {
      file: 'log-conformance.test.ts',
      test: 'what is saved behind one that is instal',
    },
  },
  {
    name: 'a snapshot is swept away though the failed append may have told of it',
    source: 'found here by worlds of replicas: the log named a file that was gone, and the member was lost',
    changes: [
      {
        file: 'log-segments-store.ts',
        from: '      if (this.#failure === undefined) {\n        this.#files.madeOver',
        to: '      if (this.#files !== undefined) {\n        this.#files.madeOver',
      },
      {
        file: 'log-segments-store.ts',
        from: 'if (this.#failure === undefined) await this.#files.sweep()',
        to: 'await this.#files.sweep()',
      },
    ],
    caughtBy: {
      file: 'log-segments.test.ts',
      test: 'a snapshot whose record may be in the log stays, though the log has failed with it',
    },
  },
  {
    name: 'the content of a snapshot is not synced before its name',
    source: 'a crash leaves the name with nothing behind it',
    changes: [
      {
        file: 'log-segments-snapshot.ts',
        from: '    await file.sync()\n    return found',
        to: '    return found',
      },
    ],
    caughtBy: 30,
  },
  {
    name: 'followers of decisions get what came again',
    source: 'a decision is told once',
    changes: [{ file: 'replica-feeds.ts', from: '    this.#void.add(index)', to: '    this.#void.add(-index)' }],
    caughtBy: 30,
  },
  {
    name: 'no pre-vote',
    source: 'etcd issues 8129, 9241, 13665: whoever was cut off starts an election when it is back',
    changes: [{ file: 'replica-node.ts', from: 'preVote: true', to: 'preVote: false' }],
    caughtBy: {
      file: 'replica-partition.test.ts',
      test: 'of one member alone costs no election: not while it lasts, and not when it is over',
    },
  },
  {
    name: 'no check of the quorum',
    source: 'etcd issues 8129, 13665: a partition with a leader on its small side',
    changes: [{ file: 'replica-node.ts', from: 'checkQuorum: true', to: 'checkQuorum: false' }],
    caughtBy: {
      file: 'replica-partition.test.ts',
      test: 'that leaves a leader without a quorum ends its leadership',
    },
  },
]
