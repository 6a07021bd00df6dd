/**
 * The tables of choreographies in a store, step by step. Unlike the tables of the journal they hold no event, only where it stands: what
 * was erased from the journal cannot be acted on any more.
 *
 * A task is an event for a rule, from when it is taken in until its record is in the journal; a parked one stays. The table of counts is
 * what the caps remember; `counted` of the choreography numbers its uses, so that old ones can be forgotten by their number.
 */
import type { Schema } from '../store/store.ts'

/** To be among the schemas of a store in which a choreography is run. */
export const choreographySchema: Schema = {
  room: 'choreography',
  migrations: [
    `CREATE TABLE choreography_main (
       id INTEGER PRIMARY KEY AUTOINCREMENT,
       name TEXT NOT NULL UNIQUE,
       journal TEXT NOT NULL,
       epoch INTEGER NOT NULL,
       position TEXT NOT NULL,
       counted INTEGER NOT NULL DEFAULT 0,
       forgotten INTEGER NOT NULL DEFAULT 0
     ) STRICT;
     CREATE TABLE choreography_rule (
       choreography INTEGER NOT NULL,
       rule TEXT NOT NULL,
       kind TEXT NOT NULL,
       position TEXT,
       PRIMARY KEY (choreography, rule)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE choreography_task (
       id INTEGER PRIMARY KEY AUTOINCREMENT,
       choreography INTEGER NOT NULL,
       rule TEXT NOT NULL,
       digest TEXT NOT NULL,
       key TEXT,
       refs TEXT NOT NULL,
       correlation TEXT NOT NULL,
       parked INTEGER NOT NULL DEFAULT 0,
       attempts INTEGER NOT NULL DEFAULT 0,
       replays INTEGER NOT NULL DEFAULT 0,
       due INTEGER,
       kind TEXT,
       code TEXT,
       reason TEXT,
       time INTEGER,
       told INTEGER NOT NULL DEFAULT 0
     ) STRICT;
     CREATE UNIQUE INDEX choreography_task_event ON choreography_task (choreography, rule, digest);
     CREATE INDEX choreography_task_parked ON choreography_task (choreography, id) WHERE parked = 1;
     CREATE INDEX choreography_task_untold ON choreography_task (choreography, id) WHERE parked = 1 AND told = 0;
     CREATE TABLE choreography_open (
       choreography INTEGER NOT NULL,
       rule TEXT NOT NULL,
       digest TEXT NOT NULL,
       key TEXT NOT NULL,
       fits INTEGER NOT NULL,
       at INTEGER NOT NULL,
       due INTEGER NOT NULL,
       place INTEGER NOT NULL,
       refs TEXT NOT NULL,
       PRIMARY KEY (choreography, rule, digest)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE choreography_count (
       choreography INTEGER NOT NULL,
       correlation TEXT NOT NULL,
       rule TEXT NOT NULL,
       key TEXT NOT NULL,
       count INTEGER NOT NULL,
       counted INTEGER NOT NULL,
       PRIMARY KEY (choreography, correlation, rule, key)
     ) STRICT, WITHOUT ROWID;`,
  ],
}
