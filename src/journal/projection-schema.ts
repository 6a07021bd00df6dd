/**
 * The tables of projections and reactors in a store, step by step. Unlike the tables of the journal they hold nothing that
 * the journal could not give again, but for what waits in the outbox and what was parked.
 *
 * A generation is one filling of a projection, from the first event on; one of them is served. Its row is the checkpoint:
 * `revision` counts its commits, and a commit that does not know the last one is refused, so that two runners never
 * double an effect. Ids of generations are never given twice, for what is left of an old one is erased in small steps.
 */
import type { Schema } from '../store/store.ts'

/** To be among the schemas of a store in which projections or reactors are run. */
export const projectionSchema: Schema = {
  room: 'projection',
  migrations: [
    `CREATE TABLE projection_generation (
       id INTEGER PRIMARY KEY AUTOINCREMENT,
       owner TEXT NOT NULL,
       version INTEGER NOT NULL,
       position TEXT NOT NULL,
       reached TEXT NOT NULL,
       revision INTEGER NOT NULL DEFAULT 0,
       publishes INTEGER NOT NULL DEFAULT 0,
       erasing INTEGER NOT NULL DEFAULT 0
     ) STRICT;
     CREATE INDEX projection_generation_owner ON projection_generation (owner);
     CREATE TABLE projection_served (
       owner TEXT PRIMARY KEY,
       generation INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE projection_state (
       generation INTEGER NOT NULL,
       key TEXT NOT NULL,
       state TEXT NOT NULL,
       PRIMARY KEY (generation, key)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE projection_parked (
       id INTEGER PRIMARY KEY AUTOINCREMENT,
       generation INTEGER NOT NULL,
       position TEXT NOT NULL,
       stream TEXT NOT NULL,
       version INTEGER NOT NULL,
       event TEXT NOT NULL,
       replaying INTEGER NOT NULL,
       code TEXT NOT NULL,
       reason TEXT NOT NULL,
       time INTEGER NOT NULL
     ) STRICT;
     CREATE INDEX projection_parked_generation ON projection_parked (generation, id);
     CREATE TABLE projection_outbox (
       id INTEGER PRIMARY KEY AUTOINCREMENT,
       generation INTEGER NOT NULL,
       kind TEXT NOT NULL,
       target TEXT NOT NULL,
       key TEXT NOT NULL,
       expected TEXT NOT NULL,
       events TEXT NOT NULL,
       parked INTEGER NOT NULL DEFAULT 0,
       code TEXT,
       reason TEXT
     ) STRICT;
     CREATE INDEX projection_outbox_waiting ON projection_outbox (generation, parked, id);`,
    // The event that was handled last: which journal it was.
    `ALTER TABLE projection_generation ADD COLUMN last_stream TEXT;
     ALTER TABLE projection_generation ADD COLUMN last_version INTEGER;
     ALTER TABLE projection_generation ADD COLUMN last_id TEXT;`,
  ],
}
