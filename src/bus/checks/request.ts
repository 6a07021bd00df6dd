/** Checks of requests: one answer, many answers, and each way in which there is none. */
import assert from 'node:assert/strict'
import { deferred } from '../../base/deferred.ts'
import type { Bus, Message } from '../bus.ts'
import { bytes, check, numbered, reader, rejects, text } from './kit.ts'
import type { BusCheck } from './kit.ts'

const longMs = 60_000

/** Answers each question with these texts. */
function answerWith(bus: Bus, subject: string, answers: readonly string[]): void {
  void bus.subscribe(subject).each((question) => {
    for (const answer of answers) question.respond(bytes(answer))
  })
}

export const requestChecks: readonly BusCheck[] = [
  check('a request gets the answer of a responder, with its headers', async ({ a, b, settle }, root) => {
    void b.subscribe(root).each((question) => {
      const headers = { echo: question.headers?.['given'] ?? 'none' }
      question.respond(bytes(`re: ${text(question)}`), { headers })
    })
    await settle()
    const answer = await a.request(root, bytes('hello'), { headers: { given: 'yes' } })
    assert.equal(text(answer), 're: hello')
    assert.deepEqual(answer.headers?.['echo'], ['yes'])
  }),
  check('a connection may answer its own request', async ({ a, settle }, root) => {
    answerWith(a, root, ['own'])
    await settle()
    assert.equal(text(await a.request(root, bytes(''))), 'own')
  }),
  check('of several answers a request gets one', async ({ a, b, settle }, root) => {
    answerWith(b, root, ['same', 'same'])
    answerWith(b, root, ['same'])
    await settle()
    assert.equal(text(await a.request(root, bytes(''))), 'same')
    assert.equal(text(await a.request(root, bytes(''))), 'same')
  }),
  check('a hundred requests in flight each get their own answer', async ({ a, b, settle }, root) => {
    const waiting: Message[] = []
    void b.subscribe(root).each((question) => {
      waiting.push(question)
      if (waiting.length < 100) return
      for (const each of waiting.reverse()) each.respond(each.data)
    })
    await settle()
    const answers = await Promise.all(numbered(100).map((each) => a.request(root, bytes(each))))
    assert.deepEqual(answers.map(text), numbered(100))
  }),
  check('a request that nobody listens to is refused at once', async ({ a, settle }, root) => {
    await settle()
    await rejects(a.request(root, bytes(''), { timeoutMs: longMs }), 'bus.no_responders')
  }),
  check('a request without an answer ends at its timeout, and a late answer disturbs nobody', async (pair, root) => {
    const { a, b, settle, pass } = pair
    const questions = reader(b.subscribe(root))
    await settle()
    const refused = rejects(a.request(root, bytes('first'), { timeoutMs: 50 }), 'bus.timeout')
    const late = await questions.message()
    await pass(100)
    await refused
    const second = a.request(root, bytes('second'), { timeoutMs: longMs })
    const question = await questions.message()
    late.respond(bytes('too late'))
    await b.flush()
    question.respond(bytes('in time'))
    assert.equal(text(await second), 'in time')
  }),
  check('a request ends with its signal, before and while it waits', async ({ a, b, settle }, root) => {
    const questions = reader(b.subscribe(root))
    await settle()
    await rejects(a.request(root, bytes(''), { signal: AbortSignal.abort() }), 'base.aborted')
    const controller = new AbortController()
    const refused = rejects(a.request(root, bytes('waits'), { signal: controller.signal }), 'base.aborted')
    assert.equal(text(await questions.message()), 'waits')
    controller.abort()
    await refused
  }),
  check('closing ends the requests that wait', async ({ a, b, settle }, root) => {
    const questions = reader(b.subscribe(root))
    await settle()
    const refused = rejects(a.request(root, bytes(''), { timeoutMs: longMs }), 'bus.closed')
    const many = rejects(reader(a.requestMany(root, bytes(''))).message(), 'bus.closed')
    await questions.texts(2)
    await a.close()
    await refused
    await many
  }),
  ...manyChecks(),
  ...boundChecks(),
]

function manyChecks(): BusCheck[] {
  return [
    check('requestMany gathers the answers of many, up to max', async ({ a, b, settle }, root) => {
      for (const each of numbered(3)) answerWith(b, root, [each])
      answerWith(a, root, ['3'])
      await settle()
      const all = await reader(a.requestMany(root, bytes(''), { max: 4, timeoutMs: longMs })).rest()
      assert.deepEqual(all.sort(), numbered(4))
      const some = await reader(a.requestMany(root, bytes(''), { max: 2, timeoutMs: longMs })).rest()
      assert.equal(some.length, 2)
    }),
    check('requestMany ends at its timeout without an error', async ({ a, b, settle, pass }, root) => {
      answerWith(b, root, numbered(3))
      await settle()
      const got = reader(a.requestMany(root, bytes(''), { timeoutMs: 200 }))
      assert.deepEqual(await got.texts(3), numbered(3))
      const rest = got.rest()
      await pass(300)
      assert.deepEqual(await rest, [])
    }),
    check('requestMany ends when the answers stall', async ({ a, b, settle, pass }, root) => {
      answerWith(b, root, numbered(3))
      await settle()
      const got = reader(a.requestMany(root, bytes(''), { timeoutMs: longMs, stallMs: 200 }))
      assert.deepEqual(await got.texts(3), numbered(3))
      const rest = got.rest()
      await pass(300)
      assert.deepEqual(await rest, [])
    }),
    check('a stall is counted from the last answer, not before the first', async ({ a, b, settle, pass }, root) => {
      const questions = reader(b.subscribe(root))
      await settle()
      const got = reader(a.requestMany(root, bytes(''), { timeoutMs: longMs, stallMs: 50, max: 1 }))
      const question = await questions.message()
      await pass(150)
      question.respond(bytes('slow'))
      assert.deepEqual(await got.rest(), ['slow'])
    }),
    check('a stall does not lengthen the timeout', async ({ a, b, settle, pass }, root) => {
      answerWith(b, root, ['one'])
      await settle()
      const got = reader(a.requestMany(root, bytes(''), { timeoutMs: 200, stallMs: longMs }))
      assert.deepEqual(await got.texts(1), ['one'])
      const rest = got.rest()
      await pass(300)
      assert.deepEqual(await rest, [])
    }),
  ]
}

function boundChecks(): BusCheck[] {
  return [
    check('requestMany ends after the sentinel, which is delivered', async ({ a, b, settle }, root) => {
      answerWith(b, root, ['1', '2', '', '3'])
      await settle()
      const sentinel = (message: Message) => message.data.length === 0
      const got = await reader(a.requestMany(root, bytes(''), { timeoutMs: longMs, sentinel })).rest()
      assert.deepEqual(got, ['1', '2', ''])
    }),
    check('requestMany fails at once when nobody listens', async ({ a, settle }, root) => {
      await settle()
      await rejects(reader(a.requestMany(root, bytes(''), { timeoutMs: longMs })).rest(), 'bus.no_responders')
    }),
    check('requestMany ends with its signal and with its loop', async ({ a, b, settle }, root) => {
      answerWith(b, root, numbered(3))
      await settle()
      const controller = new AbortController()
      const got = reader(a.requestMany(root, bytes(''), { timeoutMs: longMs, signal: controller.signal }))
      await got.texts(3)
      const refused = rejects(got.message(), 'base.aborted')
      controller.abort()
      await refused
      const seen: string[] = []
      for await (const answer of a.requestMany(root, bytes(''), { timeoutMs: longMs })) {
        seen.push(text(answer))
        break
      }
      assert.deepEqual(seen, ['0'])
    }),
    check('requestMany sends at once, before it is iterated', async ({ a, b, settle }, root) => {
      const asked = deferred()
      void b.subscribe(root).each((question) => {
        question.respond(bytes('kept'))
        asked.resolve()
      })
      await settle()
      const answers = a.requestMany(root, bytes(''), { timeoutMs: longMs, max: 1 })
      await asked.promise
      await b.flush()
      assert.deepEqual(await reader(answers).rest(), ['kept'])
    }),
  ]
}
