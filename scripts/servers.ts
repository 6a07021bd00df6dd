/**
 * The servers that tests and benches need, and a command to start them by hand: `node scripts/servers.ts --help`. This is
 * the face of `servers-*.ts`; importing it starts nothing.
 */
import { main } from './servers-command.ts'

export { type CertificateOptions, type Certificates, type CertifiedKey } from './servers-certificates.ts'
export { findOpenSsl, makeCertificates } from './servers-certificates.ts'
export { type NatsCluster, type NatsClusterOptions, startNatsCluster } from './servers-cluster.ts'
export type { NatsPermissions, NatsServerOptions, NatsTls, NatsUser, SubjectRules } from './servers-config.ts'
export { ServerFailed, ServerMissing, ServerUnable } from './servers-error.ts'
export { type FoundServer, findNatsServer, natsServerMinimum } from './servers-get.ts'
export { type NatsServer, startNatsServer } from './servers-nats.ts'
export { freePorts } from './servers-port.ts'

if (import.meta.main) process.exitCode = await main(process.argv.slice(2))
