/**
 * Whether this machine has what tests with a real nats-server need; unlike `scripts/servers.ts`, which gets and starts it,
 * this only decides. A test file that imports it waits for the server to be got before its first test, so that no time
 * limit of a test counts the building. It starts nothing.
 */
import { findNatsServer, findOpenSsl } from '../../scripts/servers.ts'
import { requirement } from '../requirement.ts'

const [server, openSsl] = await Promise.all([findNatsServer(), findOpenSsl()])

/** For `describe.skipIf(!hasNatsServer)`. */
export const hasNatsServer: boolean = requirement(
  server.found,
  'the bus on a real nats-server',
  server.found ? '' : [server.mend, ...server.tried].join('; '),
)

/** For tests that call `makeCertificates`. */
export const hasOpenSsl: boolean = requirement(openSsl.found, 'TLS', openSsl.found ? '' : openSsl.mend)
