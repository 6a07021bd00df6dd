/**
 * The commands of etcd's interaction files, on the world of interaction-environment.ts. Log lines are no promise of ours: they
 * are left out on both sides, and a block of nothing else is `ok`.
 */
import { parseConfChanges } from '../../../src/raft/core/conf-change.ts'
import type { AnyConfChange, ConfChangeTransition, MessageType } from '../../../src/raft/core/message.ts'
import { utf8Bytes } from '../../../src/base/limit.ts'
import { type Argument, type ScenarioCase, type Suite, parseDirective } from './datadriven.ts'
import {
  InteractionEnvironment,
  type NodeConfig,
  type Recipient,
  Told,
  emptySnapshot,
  nodeConfigDefaults,
} from './interaction-environment.ts'

type Args = readonly Argument[]
type Command = (environment: InteractionEnvironment, args: Args) => void
type Writable<T> = { -readonly [K in keyof T]: T[K] }

const logLine = /^\s*(?:DEBUG|INFO|WARN|ERROR)(?: .*)?$/
const levels = ['DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL', 'NONE']

export const interactionSuite: Suite = {
  name: 'interaction',
  // Filled below, where they are defined.
  get commands() {
    return new Set([...commands.keys(), 'propose-conf-change'])
  },
  open() {
    const environment = new InteractionEnvironment()
    return (each) => handle(environment, each)
  },
  normalise(text) {
    const lines = text.split('\n').filter((line) => !logLine.test(line))
    const kept = lines.join('\n')
    return kept === '' ? 'ok\n' : kept
  },
}

/** What fails is printed, also where nothing else is. */
function handle(environment: InteractionEnvironment, { command, args, input }: ScenarioCase): string {
  environment.output = ''
  try {
    if (command === 'propose-conf-change') proposeConfChange(environment, args, input)
    else {
      run(environment, command, args)
      for (const line of input === '' ? [] : input.split('\n')) runLine(environment, line)
    }
  } catch (error) {
    if (!(error instanceof Told)) throw error
    if (environment.quiet) return error.message
    environment.output += error.message
  }
  return environment.output === '' ? 'ok' : environment.output
}

/** Further commands stand in the input; one that fails does not end the others. */
function runLine(environment: InteractionEnvironment, line: string): void {
  const { command, args } = parseDirective(line)
  try {
    run(environment, command, args)
  } catch (error) {
    if (!(error instanceof Told) || environment.quiet) throw error
    environment.write(error.message)
  }
}

function run(environment: InteractionEnvironment, name: string, args: Args): void {
  const command = commands.get(name)
  if (command === undefined) throw new Told('unknown command')
  command(environment, args)
}

/** For one node at once; for several each under a heading. */
function eachNode(
  heading: string,
  process: (environment: InteractionEnvironment, id: number) => void,
): (environment: InteractionEnvironment, args: Args) => void {
  return (environment, args) => {
    const ids = idsIn(args)
    for (const id of ids) {
      if (ids.length > 1) {
        environment.write(`> ${id} ${heading}\n`)
        environment.indent(() => process(environment, id))
      } else process(environment, id)
    }
  }
}

const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['_breakpoint', () => {}],
  ['add-nodes', addNodes],
  ['campaign', (env, args) => env.tell(() => env.node(idAt(args)).raw.campaign())],
  ['compact', (env, args) => env.compact(idAt(args), idAt(args, 1))],
  ['deliver-msgs', deliver],
  ['process-ready', eachNode('handling Ready', (env, id) => env.processReady(id))],
  ['process-append-thread', eachNode('processing append thread', (env, id) => env.processAppendThread(id))],
  ['process-apply-thread', eachNode('processing apply thread', (env, id) => env.processApplyThread(id))],
  ['log-level', (env, args) => setLevel(env, args[0]?.key ?? '')],
  ['raft-log', (env, args) => env.printLog(idAt(args))],
  ['raft-state', (env) => env.printStates()],
  [
    'set-randomized-election-timeout',
    (env, args) => env.node(idAt(args)).raw.setRandomizedElectionTimeout(numberOf(valueOf(args, 'timeout'))),
  ],
  ['stabilize', stabilize],
  ['status', (env, args) => env.printStatus(idAt(args))],
  ['tick-election', (env, args) => env.tick(idAt(args), 'election')],
  ['tick-heartbeat', (env, args) => env.tick(idAt(args), 'heartbeat')],
  [
    'transfer-leadership',
    (env, args) => {
      const from = numberOf(valueOf(args, 'from'))
      env.node(from).raw.transferLeader(numberOf(valueOf(args, 'to')))
    },
  ],
  ['forget-leader', (env, args) => env.tell(() => env.node(idAt(args)).raw.forgetLeader())],
  [
    'send-snapshot',
    (env, args) => {
      env.sendSnapshot(idAt(args), idAt(args, 1))
    },
  ],
  ['propose', (env, args) => env.tell(() => env.node(idAt(args)).raw.propose(utf8Bytes(args[1]?.key ?? '')))],
  [
    'report-unreachable',
    (env, args) => {
      const ids = idsIn(args)
      if (ids.length !== 2)
        throw new Told('must specify exactly two node indexes: node on which to report, and reported node')
      env.node(idAt(args)).raw.reportUnreachable(idAt(args, 1))
    },
  ],
])

function addNodes(environment: InteractionEnvironment, args: Args): void {
  const config: Writable<NodeConfig> = { ...nodeConfigDefaults }
  const voters: number[] = []
  const learners: number[] = []
  let index = 0
  let data: Uint8Array | undefined
  for (const { key, values } of args.slice(1)) {
    for (const value of values) {
      if (key === 'voters') voters.push(numberOf(value))
      else if (key === 'learners') learners.push(numberOf(value))
      else if (key === 'index') {
        index = numberOf(value)
        config.applied = index
      } else if (key === 'content') data = utf8Bytes(value)
      else setOption(config, key, value)
    }
  }
  const confState = { ...emptySnapshot.metadata.confState, voters, learners }
  environment.addNodes(idAt(args), config, { metadata: { index, term: 0, confState }, data })
}

function setOption(config: Writable<NodeConfig>, key: string, value: string): void {
  if (key === 'inflight') config.maxInflightMsgs = numberOf(value)
  else if (key === 'async-storage-writes') config.asyncStorageWrites = booleanOf(value)
  else if (key === 'prevote') config.preVote = booleanOf(value)
  else if (key === 'checkquorum') config.checkQuorum = booleanOf(value)
  else if (key === 'max-committed-size-per-ready') config.maxCommittedSizePerReady = numberOf(value)
  else if (key === 'disable-conf-change-validation') config.disableConfChangeValidation = booleanOf(value)
  else if (key === 'step-down-on-removal') config.stepDownOnRemoval = booleanOf(value)
  else if (key === 'read-only') {
    const option = { safe: 'safe', 'lease-based': 'lease' }[value]
    if (option !== 'safe' && option !== 'lease') throw new Told(`invalid read-only option ${JSON.stringify(value)}`)
    config.readOnlyOption = option
  }
}

function deliver(environment: InteractionEnvironment, args: Args): void {
  const recipients: Recipient[] = []
  let type: MessageType | undefined
  for (const { key, values } of args) {
    if (values.length === 0) recipients.push({ id: numberOf(key), drop: false })
    if (key === 'type' && values[0] !== undefined) type = values[0] as MessageType
    if (key !== 'drop') continue
    for (const id of values.map(numberOf)) {
      if (recipients.some((each) => each.id === id)) throw new Error(`can't both deliver and drop msgs to ${id}`)
      recipients.push({ id, drop: true })
    }
  }
  if (environment.deliver(type, recipients) === 0) environment.write('no messages\n')
}

/** A level that is given with it holds for this command. */
function stabilize(environment: InteractionEnvironment, args: Args): void {
  const { quiet } = environment
  try {
    for (const { key, values } of args)
      for (const value of values) if (key === 'log-level') setLevel(environment, value)
    const ids = idsIn(args)
    environment.stabilize(ids.length > 0 ? ids : environment.nodes.map((_, at) => at + 1))
  } finally {
    environment.quiet = quiet
  }
}

/** Only the last level changes anything but log lines: nothing at all is printed then. */
function setLevel(environment: InteractionEnvironment, name: string): void {
  const level = name.toUpperCase()
  if (!levels.includes(level)) throw new Told(`log levels must be either of [${levels.join(' ')}]`)
  environment.quiet = level === 'NONE'
}

const transitions: ReadonlyMap<string, ConfChangeTransition> = new Map<string, ConfChangeTransition>([
  ['auto', 'ConfChangeTransitionAuto'],
  ['implicit', 'ConfChangeTransitionJointImplicit'],
  ['explicit', 'ConfChangeTransitionJointExplicit'],
])

function proposeConfChange(environment: InteractionEnvironment, args: Args, input: string): void {
  let v1 = false
  let transition: ConfChangeTransition = 'ConfChangeTransitionAuto'
  for (const { key, values } of args.slice(1)) {
    for (const value of values) {
      if (key === 'v1') v1 = booleanOf(value)
      else if (key === 'transition') {
        const found = transitions.get(value)
        if (found === undefined) throw new Told(`unknown transition ${value}`)
        transition = found
      } else throw new Told(`unknown command ${key}`)
    }
  }
  const changes = parseConfChanges(input)
  let change: AnyConfChange = { version: 2, transition, changes }
  if (v1) {
    const [only] = changes
    if (only === undefined || changes.length > 1 || transition !== 'ConfChangeTransitionAuto')
      throw new Told('v1 conf change can only have one operation and no transition')
    change = { version: 1, ...only }
  }
  environment.proposeConfChange(idAt(args), change)
}

/** Arguments without values are ids. */
function idsIn(args: Args): number[] {
  return args.filter(({ values }) => values.length === 0).map(({ key }) => numberOf(key))
}

function idAt(args: Args, at = 0): number {
  return numberOf(args[at]?.key)
}

function valueOf(args: Args, key: string): string | undefined {
  return args.find((each) => each.key === key)?.values[0]
}

function numberOf(text: string | undefined): number {
  if (text === undefined || !/^\d+$/.test(text)) throw new Error(`${String(text)} is not a number`)
  return Number(text)
}

function booleanOf(text: string): boolean {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false
  throw new Told(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`)
}
