/**
 * The known bugs of raft cores, each as a change of our source that puts it back. They are applied to a copy, never here:
 * src/ has no switch for any of them. Where a guard of ours would stop a bug before it does harm the guard is taken out too,
 * for it is the tests that are tried.
 */
export interface Change {
  /** Below src/raft/core. */
  readonly file: string
  /** Stands there exactly once. */
  readonly from: string
  readonly to: string
}

export interface Mutant {
  readonly name: string
  /** Where it was a real bug. */
  readonly source: string
  readonly changes: readonly Change[]
  /** What is sure to go red: one of so many seeds from 1 on, or a test of test/raft/core by its file and name. */
  readonly caughtBy: number | { readonly file: string; readonly test: string }
}

export const mutants: readonly Mutant[] = [
  {
    name: 'a configuration change before an entry of the own term is committed',
    source: 'hashicorp/raft raft.go:654; raft-dev, Ongaro 2015',
    changes: [
      {
        file: 'election.ts',
        from: 'machine.pendingConfIndex = machine.log.lastIndex()',
        to: 'machine.pendingConfIndex = 0',
      },
    ],
    caughtBy: 100,
  },
  {
    name: 'a read index before an entry of the own term is committed',
    source: 'etcd issue 7331',
    changes: [{ file: 'reads.ts', from: 'if (!machine.hasCommittedInTerm()) {', to: 'if (machine.id === 0) {' }],
    caughtBy: 100,
  },
  {
    name: 'a read that is asked again is confirmed by the answers to an older round',
    source: 'etcd issue 20418, raft pull request 397',
    changes: [
      {
        file: 'read-only.ts',
        from: 'this.#acked.set(from, Math.max(position, this.#acked.get(from) ?? 0))',
        to: 'this.#acked.set(from, this.#confirmed + this.#waiting.length)',
      },
    ],
    caughtBy: {
      file: 'paper-read.test.ts',
      test: 'that are asked again with the same context wait for a round of their own',
    },
  },
  {
    name: 'a read is served before a quorum has confirmed the leader',
    source: 'd-engine issue 381',
    changes: [{ file: 'reads.ts', from: 'const alone = isQuorumAlone(machine)', to: 'const alone = machine.id > 0' }],
    caughtBy: 100,
  },
  {
    name: 'a single voter commits an entry before it has stored it',
    source: 'etcd issue 14370',
    changes: [
      {
        file: 'replication.ts',
        from: "machine.send({ type: 'MsgAppResp', to: machine.id, index })",
        to: 'machine.tracker.progress.get(machine.id)?.maybeUpdate(index)\n  if (machine.tracker.isSingleton) maybeCommit(machine)',
      },
    ],
    caughtBy: 100,
  },
  {
    name: 'the answer to a write of an earlier term counts for entries that came back (append ABA)',
    source: 'etcd-io/raft, asynchronous storage writes',
    changes: [
      {
        file: 'raft.ts',
        from: '} else if (term !== 0 && term < machine.term) {',
        to: "} else if (term !== 0 && term < machine.term && received.type !== 'MsgStorageAppendResp') {",
      },
    ],
    caughtBy: {
      file: 'async-storage.test.ts',
      test: 'a write that was overtaken by another term takes nothing out of memory',
    },
  },
  {
    name: 'an append truncates the log also where it agrees, committed entries included',
    source: 'openraft, derived-from-async-raft.md',
    changes: [
      {
        file: 'log.ts',
        from: 'const conflict = this.findConflict(entries)',
        to: 'const conflict = entries.length === 0 ? 0 : prevIndex + 1',
      },
      { file: 'log.ts', from: 'if (conflict <= this.committed)', to: 'if (conflict < 0)' },
      { file: 'log.ts', from: 'if (head.index - 1 < this.committed)', to: 'if (head.index < 0)' },
      { file: 'follower.ts', from: 'if (index < log.committed) {', to: 'if (index < 0) {' },
    ],
    caughtBy: 100,
  },
  {
    name: 'a vote compares logs field by field: either is enough',
    source: 'openraft, derived-from-async-raft.md',
    changes: [
      {
        file: 'log.ts',
        from: 'return term > ownTerm || (term === ownTerm && index >= this.lastIndex())',
        to: 'return term >= ownTerm || index >= this.lastIndex()',
      },
    ],
    caughtBy: 100,
  },
  {
    name: 'a vote compares logs field by field: both are needed',
    source: 'openraft, derived-from-async-raft.md',
    changes: [
      {
        file: 'log.ts',
        from: 'return term > ownTerm || (term === ownTerm && index >= this.lastIndex())',
        to: 'return term >= ownTerm && index >= this.lastIndex()',
      },
    ],
    caughtBy: { file: 'log.test.ts', test: 'is compared with another by the last term first' },
  },
  {
    name: 'a read quorum of a majority minus one',
    source: 'openraft, derived-from-async-raft.md',
    changes: [
      {
        file: 'read-only.ts',
        from: 'const acked = committedIndex(voters, (id) => this.#acked.get(id))',
        to:
          'const places = [...voters.incoming].map((id) => this.#acked.get(id) ?? 0).sort((a, b) => b - a)\n' +
          '    const acked = places[Math.max(0, Math.floor(places.length / 2) - 1)] ?? 0',
      },
    ],
    caughtBy: 100,
  },
  {
    name: 'learners are counted',
    source: 'openraft, derived-from-async-raft.md',
    changes: [
      {
        file: 'tracker.ts',
        from: 'return committedIndex(this.#config.voters, this.#matchOf)',
        to:
          'const { voters, learners } = this.#config\n' +
          '    return committedIndex({ ...voters, incoming: new Set([...voters.incoming, ...learners]) }, this.#matchOf)',
      },
    ],
    caughtBy: 100,
  },
  {
    name: 'an entry of an earlier term is committed by counting',
    source: 'Raft paper figure 8; SandTable',
    changes: [
      {
        file: 'log.ts',
        from: 'term === 0 || this.termOrZero(index) !== term) return false',
        to: 'term === 0) return false',
      },
    ],
    caughtBy: 100,
  },
  {
    name: 'match runs back',
    source: 'SandTable',
    changes: [
      {
        file: 'progress.ts',
        from: 'if (index <= this.match) return false',
        to: 'if (index === this.match) return false',
      },
    ],
    caughtBy: 100,
  },
  {
    name: 'commit runs back',
    source: 'SandTable',
    changes: [
      { file: 'log.ts', from: 'if (index <= this.committed) return\n', to: 'if (index === this.committed) return\n' },
    ],
    caughtBy: 100,
  },
  {
    name: 'the term runs back',
    source: 'SandTable',
    changes: [
      { file: 'raft.ts', from: 'if (term > machine.term) {', to: 'if (term !== 0 && term !== machine.term) {' },
    ],
    caughtBy: 100,
  },
  {
    name: 'a leader votes for another in its own term',
    source: 'SandTable',
    changes: [
      {
        file: 'election.ts',
        from: 'machine.vote === from || isFree',
        to: "machine.role === 'StateLeader' || machine.vote === from || isFree",
      },
    ],
    caughtBy: { file: 'paper-election.test.ts', test: 'a leader votes for nobody in its term' },
  },
  {
    name: 'a vote is answered before it is stored',
    source: 'thesis 3.8; liferaft 1.0',
    changes: [
      {
        file: 'machine.ts',
        from: "type === 'MsgAppResp' || type === 'MsgVoteResp' || type === 'MsgPreVoteResp')\n      this.messagesAfterAppend",
        to: "type === 'MsgAppResp' || to === this.id || type === 'MsgPreVoteResp')\n      this.messagesAfterAppend",
      },
    ],
    caughtBy: 100,
  },
  {
    name: 'a vote is not synced',
    source: 'liferaft 1.0: term and vote in memory only',
    changes: [
      {
        file: 'raw-node.ts',
        from: '(hardState.term !== this.#lastHardState.term || hardState.vote !== this.#lastHardState.vote)',
        to: 'hardState.commit < 0',
      },
    ],
    caughtBy: 100,
  },
  {
    name: 'an append is acknowledged before it is stored',
    source: 'thesis 3.8',
    changes: [
      {
        file: 'machine.ts',
        from: "type === 'MsgAppResp' || type === 'MsgVoteResp' || type === 'MsgPreVoteResp')\n      this.messagesAfterAppend",
        to: "to === this.id || type === 'MsgVoteResp' || type === 'MsgPreVoteResp')\n      this.messagesAfterAppend",
      },
    ],
    caughtBy: 100,
  },
  {
    name: 'a joint configuration commits with its new half alone',
    source: 'thesis 4.3',
    changes: [
      {
        file: 'quorum.ts',
        from: 'return config.outgoing.size === 0 ? incoming : Math.min(incoming, majorityCommittedIndex(config.outgoing, acked))',
        to: 'return incoming',
      },
    ],
    caughtBy: 100,
  },
  {
    name: 'a lease outlives the restart of those who gave it',
    source: 'thesis 6.4.1',
    changes: [
      {
        file: 'raft.ts',
        from: 'if (restarted) machine.promiseLease()',
        to: 'if (restarted) machine.promisedTicks = 0',
      },
    ],
    caughtBy: { file: 'read-index.test.ts', test: 'is kept by a member who restarts within it' },
  },
  {
    name: 'a lease ends when those who gave it hear of a later term',
    source: 'thesis 6.4.1; etcd-io/raft has it',
    changes: [{ file: 'follower.ts', from: 'machine.promiseLease()', to: '' }],
    caughtBy: { file: 'read-index.test.ts', test: 'is kept by a member who hears of a later term within it' },
  },
  {
    name: 'a change that a snapshot holds already is applied once more',
    source: 'found here by simulation',
    changes: [{ file: 'membership.ts', from: 'if (index <= machine.restoredIndex)', to: 'if (index < 0)' }],
    caughtBy: {
      file: 'async-storage.test.ts',
      test: 'a change that is still being applied when a snapshot comes is passed over: the snapshot holds it',
    },
  },
]
