/** The events of network and disks as lines of the trace and as counters. It changes nothing; bytes stand in the trace as their checksum. */
import { crc32 } from 'node:zlib'
import type { DiskEvent } from './disk-event.ts'
import type { NetworkEvent } from './network-event.ts'

/** Counters are `net.sent`, `net.delivered`, `net.duplicated`, `net.dropped.<why>`, `net.broken.<why>`. */
export function networkWitness(
  log: (text: string) => void,
  count: (counter: string, times: number) => void,
): (event: NetworkEvent) => void {
  return (event) => {
    switch (event.type) {
      case 'sent': {
        const { id, from, to, port, data, kind } = event
        log(`${kind} ${id} ${from}>${to} ${port} ${data.length} ${crc32(data)}`)
        return count('net.sent', 1)
      }
      case 'delivered':
        log(`delivered ${event.id}`)
        return count('net.delivered', 1)
      case 'duplicated':
        log(`duplicated ${event.id}`)
        return count('net.duplicated', 1)
      case 'dropped':
        log(`dropped ${event.id} ${event.why}`)
        return count(`net.dropped.${event.why}`, 1)
      case 'broken':
      default:
        log(`broken ${event.at}<${event.peer} ${event.port} ${event.why} ${event.lost}`)
        return count(`net.broken.${event.why}`, 1)
    }
  }
}

/** Counters are `disk.<operation>`, `disk.failed`, `disk.full`, `disk.torn`, `disk.lost`, `disk.flipped` and the like. */
export function diskWitness(
  node: string,
  log: (text: string) => void,
  count: (counter: string, times: number) => void,
): (event: DiskEvent) => void {
  return (event) => {
    switch (event.type) {
      case 'operation': {
        const { operation, path, outcome, offset, bytes } = event
        log(`disk ${node} ${operation} ${path} ${outcome} ${offset ?? ''} ${bytes ?? ''}`)
        return count(outcome === 'failed' || outcome === 'full' ? `disk.${outcome}` : `disk.${operation}`, 1)
      }
      case 'crashed': {
        const { lost, kept, torn, namesLost, namesKept } = event
        log(`disk ${node} crashed lost ${lost} kept ${kept} torn ${torn} names ${namesLost} ${namesKept}`)
        if (lost > 0) count('disk.lost', lost)
        if (torn > 0) count('disk.torn', torn)
        return undefined
      }
      case 'sync-failed':
      case 'evicted':
      case 'misdirected':
      case 'flipped':
      default:
        log(`disk ${node} ${event.type} ${event.path}`)
        return count(`disk.${event.type}`, 1)
    }
  }
}
