/** Certificates of members, made with the `openssl` command for a day, and whether there is one. The keys protect nothing. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findOpenSsl } from '../../scripts/servers.ts'
import type { TcpTls } from '../../src/raft/transport-tcp.ts'
import { requirement } from '../requirement.ts'

const found = await findOpenSsl()
export const hasOpenSsl: boolean = requirement(found.found, 'TLS between members', found.found ? '' : found.mend)

const run = promisify(execFile)

/** What a certificate is made out to: its common name, and names beside it. */
export interface MemberName {
  readonly common: string
  readonly alternative?: string
}

/** One authority of its own, and a certificate of it for each name. */
export async function memberCertificates(names: readonly MemberName[]): Promise<TcpTls[]> {
  const folder = await mkdtemp(join(tmpdir(), 'colloquy-members-'))
  const at = (file: string) => join(folder, file)
  const key = (file: string) =>
    run('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', at(file)])
  try {
    await key('ca.key')
    const ofAuthority = ['-key', at('ca.key'), '-subj', '/CN=authority of a group', '-days', '1', '-out', at('ca.pem')]
    await run('openssl', ['req', '-x509', '-new', '-sha256', ...ofAuthority])
    const made: TcpTls[] = []
    for (const { common, alternative } of names) {
      await key('member.key')
      const ofMember = ['-key', at('member.key'), '-subj', `/CN=${common}`, '-out', at('member.csr')]
      await run('openssl', ['req', '-new', '-sha256', ...ofMember])
      const named = alternative === undefined ? [] : [`subjectAltName=DNS:${alternative}`]
      await writeFile(at('member.ext'), ['basicConstraints=CA:FALSE', ...named, ''].join('\n'))
      const signer = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '1']
      const files = ['-in', at('member.csr'), '-extfile', at('member.ext'), '-out', at('member.pem')]
      await run('openssl', ['x509', '-req', '-sha256', ...signer, ...files])
      const text = (file: string) => readFile(at(file), 'utf8')
      made.push({ key: await text('member.key'), cert: await text('member.pem'), ca: await text('ca.pem') })
    }
    return made
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
