/**
 * The commands of etcd's confchange files: `simple`, `enter-joint` and `leave-joint`, with changes such as `v1 l2 r3 u4` as
 * input. After each the configuration and the progress of its members are printed; the last index of the imagined log grows by
 * one a command, so that `next` tells when a member was added.
 */
import { ConfChangeRefused } from '../../../src/raft/error.ts'
import { Changer } from '../../../src/raft/core/changer.ts'
import { parseConfChanges } from '../../../src/raft/core/conf-change.ts'
import type { ConfChangeSingle } from '../../../src/raft/core/message.ts'
import { type Membership, ProgressTracker, formatConfig, formatProgress } from '../../../src/raft/core/tracker.ts'
import type { ScenarioCase, Suite } from './datadriven.ts'

export const confChangeSuite: Suite = {
  name: 'confchange',
  commands: new Set(['simple', 'enter-joint', 'leave-joint']),
  open() {
    const tracker = new ProgressTracker(10, 0)
    let lastIndex = 0
    return (each) => {
      try {
        tracker.adopt(changed(new Changer(tracker, lastIndex), each))
        return `${formatConfig(tracker.config)}\n${formatProgress(tracker.progress)}`
      } catch (error) {
        if (error instanceof ConfChangeRefused) return error.reason
        throw error
      } finally {
        lastIndex++
      }
    }
  },
}

function changed(changer: Changer, { command, args, input }: ScenarioCase): Membership {
  const changes: ConfChangeSingle[] = parseConfChanges(input)
  if (command === 'simple') return changer.simple(changes)
  if (command === 'enter-joint')
    return changer.enterJoint(flag(args.find(({ key }) => key === 'autoleave')?.values), changes)
  if (command !== 'leave-joint')
    throw new ConfChangeRefused('unknown command', 'use simple, enter-joint or leave-joint')
  if (changes.length > 0) throw new ConfChangeRefused('this command takes no input', 'leave it out')
  return changer.leaveJoint()
}

function flag(values: readonly string[] | undefined): boolean {
  const value = values?.[0] ?? 'false'
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false
  throw new Error(`${value} is neither true nor false`)
}
