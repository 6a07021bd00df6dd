import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readRefusal, refusalInReply } from '../../../src/model/core/refusal.ts'

describe('what a server says when it says no', () => {
  it.each([
    ['OpenAI', '{"error":{"message":"no","type":"t","param":"seed","code":"c"}}', 'no', 'c t', 'seed'],
    ['a bare string', '{"error":"no"}', 'no', '', ''],
    ['vLLM', '{"object":"error","message":"no","type":"BadRequestError","code":400}', 'no', 'BadRequestError', ''],
    ['FastAPI', '{"detail":[{"loc":["body","seed"],"msg":"no"},{"msg":"and no"}]}', 'body.seed: no, and no', '', ''],
    ['Mistral', '{"message":{"detail":[{"loc":["body","seed"],"msg":"no"}]}}', 'body.seed: no', '', ''],
    ['Gemini', '[{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}]', 'no', '', ''],
    ['HTML', '<html><style>p {}</style><p>no</p></html>', 'no', '', ''],
    ['text', 'no', 'no', '', ''],
    ['nothing', '', '', '', ''],
    ['null', 'null', '', '', ''],
  ])('is read as %s writes it', (_server, body, message, kind, param) => {
    const refusal = readRefusal(400, body)
    expect({ ...refusal, message: refusal.message.trim() }).toEqual({ status: 400, message, kind, param })
  })

  it.each([
    [{ error: { code: 502, message: 'x' } }, 502],
    [{ error: { code: '429' } }, 429],
    [{ error: { status: 401 } }, 401],
    [{ status: 404, error: 'x' }, 404],
    [{ error: { type: 'rate_limit_error' } }, 429],
    [{ error: { code: 'insufficient_quota' } }, 402],
    [{ error: { type: 'authentication_error' } }, 401],
    [{ error: { type: 'invalid_request_error' } }, 400],
    [{ error: { code: 200 } }, 500],
    [{ error: true }, 500],
  ])('inside a reply gets the nearest status: %j is %i', (value, status) => {
    expect(refusalInReply(value).status).toBe(status)
  })

  it('is read soon, whatever is repeated in it', () => {
    for (const unit of ['<', '<style>', '<script', '</style>', 'context ', '['])
      expect(typeof readRefusal(400, unit.repeat(65_536 / unit.length)).message).toBe('string')
  })

  it('never makes the reader throw, however deep or strange', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
        expect(typeof readRefusal(400, JSON.stringify({ error: value })).message).toBe('string')
        expect(refusalInReply(value).status).toBeGreaterThanOrEqual(400)
      }),
    )
  })
})
