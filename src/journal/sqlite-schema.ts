/**
 * The tables of the journal in a store, step by step. Unlike `sqlite-append.ts` and its neighbours it holds no procedure.
 *
 * One row an event. A stream's name is kept once, with its version, so that an append finds both in one place, whatever
 * becomes of old events. Each index costs every append, so there are three: the order inside a stream, types and
 * correlations. A filter by time alone, or by more than `armsMax` streams or types, looks at every event of a stretch.
 * No foreign key: the check would cost every event a look-up.
 *
 * Of a stream, readers see the versions from `first` on; those from `erased` to there are still in the way and are erased in
 * small steps. `journal_floor` is the highest position that was ever erased, so that none is given twice.
 */

/** A step once released is never changed. */
export const migrations: readonly string[] = [
  `CREATE TABLE journal_stream (
     id INTEGER PRIMARY KEY,
     name TEXT NOT NULL UNIQUE,
     version INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE journal_event (
     position INTEGER PRIMARY KEY,
     stream INTEGER NOT NULL,
     version INTEGER NOT NULL,
     type TEXT NOT NULL,
     id TEXT NOT NULL,
     source TEXT NOT NULL,
     subject TEXT,
     time INTEGER,
     correlationid TEXT,
     causationid TEXT,
     hop INTEGER,
     extra TEXT,
     data TEXT NOT NULL
   ) STRICT;
   CREATE UNIQUE INDEX journal_event_version ON journal_event (stream, version);
   CREATE INDEX journal_event_type ON journal_event (type);
   CREATE INDEX journal_event_correlation ON journal_event (correlationid) WHERE correlationid IS NOT NULL;`,
  `ALTER TABLE journal_event ADD COLUMN checksum INTEGER;
   ALTER TABLE journal_stream ADD COLUMN first INTEGER NOT NULL DEFAULT 1;
   ALTER TABLE journal_stream ADD COLUMN erased INTEGER NOT NULL DEFAULT 1;
   ALTER TABLE journal_stream ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE journal_stream ADD COLUMN metadata TEXT;
   CREATE INDEX journal_stream_retained ON journal_stream (id) WHERE metadata IS NOT NULL OR erased < first;
   CREATE TABLE journal_key (
     key TEXT PRIMARY KEY,
     fingerprint TEXT NOT NULL,
     ends TEXT NOT NULL,
     stream INTEGER NOT NULL,
     version INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX journal_key_event ON journal_key (stream, version);
   CREATE TABLE journal_floor (position INTEGER NOT NULL) STRICT;
   INSERT INTO journal_floor (position) VALUES (0);`,
  `CREATE TABLE journal_group (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     name TEXT NOT NULL UNIQUE,
     filter TEXT NOT NULL,
     epoch INTEGER NOT NULL,
     floor INTEGER NOT NULL,
     reached INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE journal_group_delivery (
     consumer_group INTEGER NOT NULL,
     position INTEGER NOT NULL,
     attempts INTEGER NOT NULL,
     due INTEGER,
     delay INTEGER NOT NULL,
     reason TEXT,
     replayed INTEGER NOT NULL,
     PRIMARY KEY (consumer_group, position)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE journal_group_parked (
     consumer_group INTEGER NOT NULL,
     position INTEGER NOT NULL,
     attempts INTEGER NOT NULL,
     reason TEXT NOT NULL,
     time INTEGER NOT NULL,
     PRIMARY KEY (consumer_group, position)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE journal_group_epoch (epoch INTEGER NOT NULL) STRICT;
   INSERT INTO journal_group_epoch (epoch) VALUES (0);`,
  // By SQLite's own chance: a migration has no port for it, and no two journals may have the same.
  `CREATE TABLE journal_identity (id TEXT NOT NULL) STRICT;
   INSERT INTO journal_identity (id) VALUES (lower(hex(randomblob(16))));`,
]
