/**
 * Certificates for tests of TLS: good ones, and those of a stranger that must be refused. Unlike files in the repository
 * they cannot expire there: they are made anew with the `openssl` command and are valid for a day. The keys have no
 * passwords and protect nothing.
 */
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ServerFailed, ServerMissing } from './servers-error.ts'

/** Paths of PEM files. */
export interface CertifiedKey {
  readonly cert: string
  readonly key: string
}

export interface Certificates {
  /** The authority that signed `server` and `client`. */
  readonly ca: string
  /** For `hosts`. */
  readonly server: CertifiedKey
  readonly client: CertifiedKey
  /** For the same hosts, signed by another authority: to be refused by whoever trusts `ca`. */
  readonly stranger: { readonly ca: string; readonly server: CertifiedKey; readonly client: CertifiedKey }
}

export interface CertificateOptions {
  /** Names and addresses of the server. Default `localhost`, `127.0.0.1`, `::1`. */
  readonly hosts?: readonly string[]
  /** The common name of the client. Default `client`. */
  readonly clientName?: string
  /** Default 1. */
  readonly validDays?: number
}

const run = promisify(execFile)
const mend = 'install openssl (apt-get install openssl, brew install openssl)'

/** Whether certificates can be made here, with what to install if not. */
export async function findOpenSsl(): Promise<{ found: true; version: string } | { found: false; mend: string }> {
  try {
    const { stdout } = await run('openssl', ['version'])
    return { found: true, version: stdout.trim() }
  } catch {
    return { found: false, mend }
  }
}

/** Writes into `folder`, which is made if it is not there. Other calls need other folders. */
export async function makeCertificates(folder: string, options: CertificateOptions = {}): Promise<Certificates> {
  if (!(await findOpenSsl()).found) throw new ServerMissing('openssl', mend, ['no openssl on PATH'])
  const [own, stranger] = await Promise.all([
    makeFamily(join(folder, 'own'), 'own', options),
    makeFamily(join(folder, 'stranger'), 'stranger', options),
  ])
  return { ...own, stranger }
}

interface Family {
  readonly ca: string
  readonly server: CertifiedKey
  readonly client: CertifiedKey
}

async function makeFamily(folder: string, family: string, options: CertificateOptions): Promise<Family> {
  const { hosts = ['localhost', '127.0.0.1', '::1'], clientName = 'client', validDays = 1 } = options
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const workshop = { folder, days: String(validDays) }
  const ca = await makeAuthority(workshop, `colloquy test authority (${family})`)
  const names = hosts.map((host) => `${/^[\d.]+$|:/.test(host) ? 'IP' : 'DNS'}:${host}`).join(',')
  const server = await makeSigned(workshop, ca, 'server', hosts[0] ?? 'localhost', [
    'extendedKeyUsage=serverAuth',
    `subjectAltName=${names}`,
  ])
  const client = await makeSigned(workshop, ca, 'client', clientName, ['extendedKeyUsage=clientAuth'])
  return { ca: ca.cert, server, client }
}

interface Workshop {
  readonly folder: string
  readonly days: string
}

function filesOf({ folder }: Workshop, name: string): CertifiedKey {
  return { cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) }
}

/** The oldest commands that do it, because they are the ones every `openssl` has. */
async function makeAuthority(workshop: Workshop, name: string): Promise<CertifiedKey> {
  const files = filesOf(workshop, 'ca')
  await makeKey(files.key)
  const subject = ['-subj', `/CN=${name}`, '-days', workshop.days]
  await openssl(['req', '-x509', '-new', '-sha256', '-key', files.key, ...subject, '-out', files.cert])
  return files
}

async function makeSigned(
  workshop: Workshop,
  ca: CertifiedKey,
  name: string,
  commonName: string,
  extensions: readonly string[],
): Promise<CertifiedKey> {
  const files = filesOf(workshop, name)
  const request = join(workshop.folder, `${name}.csr`)
  const extensionsPath = join(workshop.folder, `${name}.ext`)
  await makeKey(files.key)
  await openssl(['req', '-new', '-sha256', '-key', files.key, '-subj', `/CN=${commonName}`, '-out', request])
  await writeFile(extensionsPath, ['basicConstraints=CA:FALSE', ...extensions, ''].join('\n'))
  const signer = ['-CA', ca.cert, '-CAkey', ca.key, '-CAcreateserial', '-days', workshop.days]
  await openssl(['x509', '-req', '-sha256', '-in', request, '-extfile', extensionsPath, ...signer, '-out', files.cert])
  return files
}

async function makeKey(path: string): Promise<void> {
  await openssl(['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', path])
}

async function openssl(args: readonly string[]): Promise<void> {
  try {
    await run('openssl', args)
  } catch (error) {
    const { stderr } = error as { readonly stderr?: unknown }
    throw new ServerFailed(`openssl ${args[0]} failed`, typeof stderr === 'string' ? stderr : '', { cause: error })
  }
}
