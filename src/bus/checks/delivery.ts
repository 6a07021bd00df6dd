/** Checks of what is delivered to whom: subjects, order, queue groups, headers, replies. */
import assert from 'node:assert/strict'
import type { Message } from '../bus.ts'
import { bytes, check, fence, gathered, numbered, publishAll, reader, text } from './kit.ts'
import type { BusCheck } from './kit.ts'

export const deliveryChecks: readonly BusCheck[] = [
  check('a message reaches the other connection with its bytes unchanged', async ({ a, b, settle }, root) => {
    const got = reader(b.subscribe(root))
    await settle()
    const every = Uint8Array.from({ length: 512 }, (_none, at) => at % 256)
    a.publish(root, every)
    a.publish(root, new Uint8Array(0))
    const first = await got.message()
    assert.equal(first.subject, root)
    assert.deepEqual([...first.data], [...every])
    assert.equal(first.headers, undefined)
    assert.equal(first.reply, undefined)
    assert.equal((await got.message()).data.length, 0)
  }),
  check('a connection hears itself', async ({ a, settle }, root) => {
    const got = reader(a.subscribe(root))
    await settle()
    a.publish(root, bytes('own'))
    assert.deepEqual(await got.texts(1), ['own'])
  }),
  check('every subscription that matches gets each message once', async (pair, root) => {
    const { a, b } = pair
    const every = [a.subscribe(root), b.subscribe(root), b.subscribe(root), b.subscribe(`${root}.>`)]
    const passed = await fence(pair, `${root}x`)
    publishAll(a, root, ['1', '2'])
    await passed()
    assert.deepEqual(await gathered(every), [['1', '2'], ['1', '2'], ['1', '2'], []])
  }),
  check('who subscribes later does not get what passed before', async ({ a, b, settle }, root) => {
    const early = reader(b.subscribe(root))
    await settle()
    a.publish(root, bytes('before'))
    await early.message()
    const late = reader(b.subscribe(root))
    await settle()
    a.publish(root, bytes('after'))
    assert.deepEqual(await late.texts(1), ['after'])
  }),
  check('a message without a subscriber is no error', async ({ a }, root) => {
    a.publish(root, bytes('to nobody'))
    a.publish(root, bytes('to nobody'), { reply: `${root}.reply` })
    await a.flush()
  }),
  check('messages of one publisher keep their order, over several subjects too', async ({ a, b, settle }, root) => {
    const got = reader(b.subscribe(`${root}.*`))
    await settle()
    const sent = numbered(2000)
    for (const [at, each] of sent.entries()) a.publish(`${root}.${at % 7}`, bytes(each))
    assert.deepEqual(await got.texts(sent.length), sent)
  }),
  check('a handler never runs inside the call of the publisher', async ({ a, settle }, root) => {
    const seen: string[] = []
    const done = a.subscribe(root, { max: 2 }).each((message) => {
      seen.push(text(message))
      if (seen.length === 1) a.publish(root, bytes('from the handler'))
      seen.push('end of handler')
    })
    await settle()
    a.publish(root, bytes('from outside'))
    assert.deepEqual(seen, [])
    await done
    assert.deepEqual(seen, ['from outside', 'end of handler', 'from the handler', 'end of handler'])
  }),
  check('flush brings own messages into own queues', async ({ a, settle }, root) => {
    const subscription = a.subscribe(root)
    await settle()
    publishAll(a, root, numbered(100))
    await a.flush()
    assert.equal(subscription.pending, 100)
  }),
  ...wildcardChecks(),
  ...queueChecks(),
  ...headerChecks(),
]

function wildcardChecks(): BusCheck[] {
  return [
    check('* stands for exactly one token', async (pair, root) => {
      const { a, b } = pair
      const every = [b.subscribe(`${root}.*`), b.subscribe(`${root}.*.c`), b.subscribe(`${root}.*.*`)]
      const passed = await fence(pair, `${root}x`)
      for (const tail of ['b', 'b.c', 'b.d', 'b.c.d']) a.publish(`${root}.${tail}`, bytes(tail))
      a.publish(root, bytes('parent'))
      await passed()
      assert.deepEqual(await gathered(every), [['b'], ['b.c'], ['b.c', 'b.d']])
    }),
    check('> stands for one token or more at the end, never for none', async (pair, root) => {
      const { a, b } = pair
      const every = [b.subscribe(`${root}.>`), b.subscribe(`${root}.*.>`)]
      const passed = await fence(pair, `${root}x`)
      a.publish(root, bytes('parent'))
      for (const tail of ['b', 'b.c', 'b.c.d']) a.publish(`${root}.${tail}`, bytes(tail))
      await passed()
      assert.deepEqual(await gathered(every), [
        ['b', 'b.c', 'b.c.d'],
        ['b.c', 'b.c.d'],
      ])
    }),
    check('subjects are case-sensitive and may be of any script', async (pair, root) => {
      const { a, b } = pair
      const every = [b.subscribe(`${root}.Ärger`), b.subscribe(`${root}.日本`)]
      const passed = await fence(pair, `${root}x`)
      for (const tail of ['Ärger', 'ärger', '日本']) a.publish(`${root}.${tail}`, bytes(tail))
      await passed()
      assert.deepEqual(await gathered(every), [['Ärger'], ['日本']])
    }),
  ]
}

function queueChecks(): BusCheck[] {
  return [
    check('a queue group over two connections gets each message once', async (pair, root) => {
      const { a, b } = pair
      const every = [a, b, b].map((bus) => bus.subscribe(root, { queue: 'workers' }))
      const passed = await fence(pair, root)
      const sent = numbered(300)
      publishAll(a, root, sent)
      await passed()
      const got = await gathered(every)
      assert.deepEqual(got.flat().sort(), [...sent].sort())
      for (const share of got)
        assert.deepEqual(
          share,
          [...share].sort((x, y) => Number(x) - Number(y)),
        )
    }),
    check('each queue group and each plain subscription has its own copy', async (pair, root) => {
      const { a, b } = pair
      const every = [
        b.subscribe(root, { queue: 'one' }),
        b.subscribe(root, { queue: 'two' }),
        b.subscribe(root),
        a.subscribe(root),
      ]
      const passed = await fence(pair, root)
      publishAll(a, root, ['1', '2'])
      await passed()
      assert.deepEqual(await gathered(every), [
        ['1', '2'],
        ['1', '2'],
        ['1', '2'],
        ['1', '2'],
      ])
    }),
    check('members of one queue group are one group whatever their patterns', async (pair, root) => {
      const { a, b } = pair
      const patterns = [`${root}.b`, `${root}.*`, `${root}.>`]
      const every = patterns.map((pattern) => b.subscribe(pattern, { queue: 'workers' }))
      const passed = await fence(pair, `${root}x`)
      const sent = numbered(60)
      publishAll(a, `${root}.b`, sent)
      await passed()
      assert.deepEqual((await gathered(every)).flat().sort(), [...sent].sort())
    }),
    check('a queue group goes on without a member that left', async (pair, root) => {
      const { a, b } = pair
      const leaving = b.subscribe(root, { queue: 'workers' })
      const staying = b.subscribe(root, { queue: 'workers' })
      assert.equal(staying.queue, 'workers')
      leaving.unsubscribe()
      const passed = await fence(pair, root)
      publishAll(a, root, numbered(50))
      await passed()
      assert.deepEqual(await gathered([staying]), [numbered(50)])
    }),
  ]
}

function headerChecks(): BusCheck[] {
  return [
    check(
      'headers arrive: several values, case-sensitive names, text of any script',
      async ({ a, b, settle }, root) => {
        const got = reader(b.subscribe(root))
        await settle()
        const headers = { 'ce-id': '1', 'CE-ID': '2', many: ['x', 'y', ''], text: 'a: b, ☃', constructor: 'own' }
        a.publish(root, bytes('with'), { headers })
        a.publish(root, bytes('with none'), { headers: { empty: [] } })
        const message = await got.message()
        assert.equal(text(message), 'with')
        assert.deepEqual(
          { ...message.headers },
          {
            'ce-id': ['1'],
            'CE-ID': ['2'],
            many: ['x', 'y', ''],
            text: ['a: b, ☃'],
            constructor: ['own'],
          },
        )
        assert.equal(message.headers?.['toString'], undefined)
        assert.equal((await got.message()).headers, undefined)
      },
    ),
    check('a reply subject arrives, and respond publishes to it', async ({ a, b, settle }, root) => {
      const asked = reader(b.subscribe(root))
      const answered = reader(a.subscribe(`${root}.answer`))
      await settle()
      a.publish(root, bytes('question'), { reply: `${root}.answer` })
      const question: Message = await asked.message()
      assert.equal(question.reply, `${root}.answer`)
      assert.equal(question.respond(bytes('answer'), { headers: { status: 'fine' } }), true)
      const answer = await answered.message()
      assert.equal(text(answer), 'answer')
      assert.deepEqual(answer.headers?.['status'], ['fine'])
      assert.equal(answer.respond(bytes('to nobody')), false)
    }),
  ]
}
