import { describe, expect, it } from 'vitest'
import { deferred } from '../../src/base/deferred.ts'

describe('deferred', () => {
  it('settles once and knows it', async () => {
    const answer = deferred<number>()
    expect(answer.settled).toBe(false)
    answer.resolve(1)
    expect(answer.settled).toBe(true)
    answer.resolve(2)
    answer.reject(new Error('late'))
    expect(await answer.promise).toBe(1)
  })

  it('rejects with what it was given', async () => {
    const answer = deferred()
    answer.reject('broken')
    expect(answer.settled).toBe(true)
    answer.resolve()
    await expect(answer.promise).rejects.toBe('broken')
  })
})
