/** The model driver beside a bare fetch of the same server on loopback: what parsing, deadlines and checks cost. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { openAiCompatible } from '../src/model/openai-compatible.ts'
import type { BenchCase } from './harness.ts'

const chunks = 2000
const event = (content: string, finish_reason: string | null = null) =>
  `data: ${JSON.stringify({ id: 'x', model: 'm', choices: [{ index: 0, delta: { content }, finish_reason }] })}\n\n`
const answer = `${event('word ').repeat(chunks)}${event('', 'stop')}data: [DONE]\n\n`

async function server(): Promise<{ url: string; close: () => Promise<void> }> {
  const http = createServer((request, response) => {
    request.resume()
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(answer)
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const close = () =>
    new Promise<void>((resolve) => {
      http.close(() => resolve())
      http.closeAllConnections()
    })
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/v1`, close }
}

const messages = [{ role: 'user' as const, content: 'hello' }]

async function driver() {
  const { url, close } = await server()
  const model = openAiCompatible({ model: 'm', baseUrl: url, apiKeyEnv: null })
  const batch = async () => {
    let texts = 0
    for await (const chunk of model.stream({ messages })) if (chunk.type === 'text') texts++
    return texts > 0 ? chunks : 0
  }
  return { batch, dispose: close }
}

async function bare() {
  const { url, close } = await server()
  const batch = async () => {
    const response = await fetch(`${url}/chat/completions`, { method: 'POST', body: JSON.stringify({ messages }) })
    const lines = (await response.text()).split('\n').filter((line) => line.startsWith('data: {'))
    for (const line of lines) JSON.parse(line.slice(6))
    return chunks
  }
  return { batch, dispose: close }
}

export const cases: readonly BenchCase[] = [
  {
    name: 'a streamed reply of 2,000 pieces',
    unit: 'pieces/s',
    peerName: 'fetch, split and JSON.parse',
    ours: driver,
    peer: bare,
  },
]
