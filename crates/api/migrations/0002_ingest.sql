-- What arrived. A batch is stored once, whatever its collector repeats: its id is the proof.
create table batches (
    num bigint generated always as identity
  , collector_id uuid not null
  , batch_id text not null
  , received_at timestamptz not null default now()
  , "timestamp" timestamptz not null
  , sequence bigint
  , bytes integer not null
  , items integer not null
  , records integer not null
  , primary key (collector_id, batch_id)
);
create index batches_received_at on batches using brin (received_at);

-- One row an item. `data` is the item without what stands in the other columns, and without the rows of hot families,
-- which have tables of their own. `id` is batches.num * 65536 + the item's place in its batch.
create table metrics (
    id bigint not null
  , collector_id uuid not null
  , "timestamp" timestamptz not null
  , type text not null
  , server text not null
  , database text
  , data jsonb not null
) partition by list (type);

create table metrics_rare partition of metrics for values in (
    'pg_schema', 'pg_extensions', 'pg_settings', 'pg_security', 'pg_sequences', 'pg_bloat'
) partition by range ("timestamp");
create table metrics_often partition of metrics default partition by range ("timestamp");
create index metrics_collector on metrics (collector_id, "timestamp");

-- The newest item of each kind and place: found without looking at history. '' is no database.
create table latest (
    collector_id uuid not null
  , type text not null
  , server text not null
  , database text not null
  , "timestamp" timestamptz not null
  , id bigint not null
  , primary key (collector_id, type, server, database)
) with (fillfactor = 70);

-- A statement's text, once. The first one wins.
create table query_texts (
    collector_id uuid not null
  , server text not null
  , hash bigint not null
  , text text not null
  , first_seen timestamptz not null default now()
    -- To the day: a text that nobody has mentioned for longer than statements are kept may go.
  , seen_on date not null default current_date
  , primary key (collector_id, server, hash)
);

-- What could not be stored, and why. `position` is the item's place in its batch; without one it is the whole batch.
create table dead_letters (
    id bigint generated always as identity
  , collector_id uuid not null
  , batch_id text not null
  , received_at timestamptz not null default now()
  , position integer
  , type text
  , field text not null
  , reason text not null
  , body text not null
  , primary key (collector_id, id)
);
create index dead_letters_received_at on dead_letters (received_at);
