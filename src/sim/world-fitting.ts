/** What each node of a world is fitted with besides clock, chance and links: its bus and its disk. Interfaces only. */
import type { Random } from '../base/random.ts'
import type { Bus } from '../bus/bus.ts'
import type { Disk } from '../store/disk.ts'
import type { DiskFaultKind } from './fault.ts'
import type { Place } from './place.ts'

export interface NodeFittings {
  /** Those of one incarnation. */
  ports(place: Place, random: Random): { readonly bus: Bus; readonly disk: Disk }
  /** The incarnation is over, by a crash when `crashed`. */
  end(crashed: boolean): void
  /** Begins a fault of the disk; the result ends it. */
  fault(kind: DiskFaultKind): () => void
  /** Ends all faults of the disk. */
  mend(): void
}
