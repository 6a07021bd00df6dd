/**
 * Caps: when a rule must not act on an event any more, so that agents which answer each other end. Unlike a retry policy they look at where
 * the event came from, not at how acting on it went. Pure.
 *
 * Three, for each of them alone can be evaded: a chain may spread over many keys, a correlation may grow in breadth, and a cycle may be
 * short but never end.
 */
export interface Caps {
  /** Causes behind an event. */
  readonly hopsMax: number
  /** Events of one correlation that rules act on. */
  readonly eventsMax: number
  /** How often one rule acts on one key within one correlation. */
  readonly cycleMax: number
}

/** What is known of an event for a rule, this time counted in. */
export interface Counted {
  readonly hop: number
  readonly events: number
  readonly runs: number
}

export interface CapMet {
  readonly kind: 'hops' | 'events' | 'cycle'
  readonly code: string
  readonly reason: string
}

/** The cap that the event meets; a cycle before the others, for it tells most. */
export function capMet({ hop, events, runs }: Counted, { hopsMax, eventsMax, cycleMax }: Caps): CapMet | undefined {
  if (runs > cycleMax)
    return {
      kind: 'cycle',
      code: 'choreography.cycle',
      reason: `the rule would act on this key more often within one correlation than its cycleMax of ${cycleMax}`,
    }
  if (hop > hopsMax)
    return {
      kind: 'hops',
      code: 'choreography.hops',
      reason: `the event has ${hop} causes behind it, and maxHops is ${hopsMax}`,
    }
  if (events > eventsMax)
    return {
      kind: 'events',
      code: 'choreography.events',
      reason: `it is event ${events} of its correlation that rules would act on, and maxEventsPerCorrelation is ${eventsMax}`,
    }
  return undefined
}
