/**
 * The worker thread of the sqlite driver: takes calls from its port, imports their procedures, has the writer commit them
 * in groups and answers once a group. Unlike the writer it is asynchronous, because an import is. It imports nothing but
 * what a call names.
 *
 * While a group commits, calls gather in the port; all of them are taken for the next group before the thread goes to
 * sleep, so that one sync serves all that waited.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { assert, InvalidArgument } from '../base/error.ts'
import type { Call, Outcome } from './group.ts'
import { toPortable } from './portable-error.ts'
import { runnable, together } from './procedure.ts'
import type { Definition, Definitions, FromWorker, IndexedError, ToWorker, WorkerData } from './sqlite-protocol.ts'
import { openWriter, type Writer } from './sqlite-writer.ts'

const port = parentPort
assert(port, 'this module is for a worker thread')
const options = workerData as WorkerData
const procedures: Call['run'][] = []
let messages: ToWorker[] = []
let calls: Call[] = []
let working = false
let closing = false

const writer = open()
if (writer) {
  port.on('message', (message: ToWorker) => {
    messages.push(message)
    if (!working) void work(writer)
  })
  send({ kind: 'opened' })
}

function open(): Writer | undefined {
  try {
    return openWriter(options)
  } catch (thrown) {
    send({ kind: 'broken', error: toPortable(thrown) })
    return undefined
  }
}

async function work(writer: Writer): Promise<void> {
  working = true
  for (;;) {
    gather()
    while (!accept()) await define()
    if (calls.length === 0) break
    const outcomes = writer.commit(calls.slice(0, options.groupMax))
    calls = calls.slice(outcomes.length)
    answer(outcomes)
  }
  working = false
  if (closing) close(writer)
}

/** Takes what the port holds without waiting for the event loop. */
function gather(): void {
  if (!port) return
  for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) messages.push(next.message)
}

/** Turns the messages into calls; false at one that defines procedures, which is left where it is. */
function accept(): boolean {
  let taken = 0
  for (const message of messages) {
    if (isDefinitions(message)) break
    taken++
    if (message === 'close') closing = true
    else for (let at = 0; at < message.length; at += 2) calls.push({ run: runOf(message[at]), args: message[at + 1] })
  }
  const all = taken === messages.length
  messages = all ? [] : messages.slice(taken)
  return all
}

/** Imports what the first message defines. */
async function define(): Promise<void> {
  const [message, ...rest] = messages
  assert(message && isDefinitions(message), 'only definitions are waited for')
  messages = rest
  for (const definition of message.definitions) procedures[definition.index] = await load(definition)
}

function isDefinitions(message: ToWorker): message is Definitions {
  return typeof message === 'object' && !Array.isArray(message)
}

function runOf(procedure: unknown): Call['run'] {
  return typeof procedure === 'number' ? known(procedure) : together((procedure as readonly number[]).map(known))
}

function known(index: number): Call['run'] {
  const run = procedures[index]
  assert(run, 'a call came before its definition')
  return run
}

async function load({ module, name }: Definition): Promise<Call['run']> {
  try {
    const exports = (await import(module)) as Record<string, unknown>
    const run = runnable(exports[name])
    if (run) return run
    throw new InvalidArgument('procedure', `must be exported: ${module} exports no procedure or function ${name}`)
  } catch (error) {
    return () => {
      throw error
    }
  }
}

function answer(outcomes: readonly Outcome[]): void {
  const values: unknown[] = []
  const errors: IndexedError[] = []
  for (const outcome of outcomes) {
    if (!outcome.kept) errors.push({ at: values.length, error: toPortable(outcome.error) })
    values.push(outcome.kept ? outcome.value : undefined)
  }
  try {
    send(errors.length === 0 ? values : { kind: 'committed', values, errors })
  } catch {
    for (const outcome of outcomes) answerAlone(outcome)
  }
}

/** After a result that cannot be cloned: each in its own answer, so that only its own call hears of it. */
function answerAlone(outcome: Outcome): void {
  if (!outcome.kept)
    return send({ kind: 'committed', values: [undefined], errors: [{ at: 0, error: toPortable(outcome.error) }] })
  try {
    send([outcome.value])
  } catch (cause) {
    const error = new InvalidArgument('result', 'of a procedure must survive a structured clone; the write was kept', {
      cause,
    })
    send({ kind: 'committed', values: [undefined], errors: [{ at: 0, error: toPortable(error) }] })
  }
}

function close(writer: Writer): void {
  try {
    writer.close()
    send({ kind: 'closed' })
  } catch (thrown) {
    send({ kind: 'broken', error: toPortable(thrown) })
  }
  port?.close()
}

function send(message: FromWorker): void {
  port?.postMessage(message)
}
