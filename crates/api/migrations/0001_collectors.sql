-- Who may push, and how each of them fares. One row a collector.
create table collectors (
    id uuid primary key
  , name text not null unique
  , hostname text not null
  , address text
  , version text
  , registered_at timestamptz not null default now()
    -- A token carries the epoch it was issued in; a higher one here revokes all that went before.
  , token_epoch integer not null default 1
    -- Until then a registration under this name is taken as this collector's own, without its old token.
  , reregister_until timestamptz
  , last_seen timestamptz
  , last_batch_at timestamptz
    -- What its newest `agent` item says of itself.
  , cycle_ms float8
  , spool_batches bigint
  , spool_bytes bigint
  , spool_oldest_s bigint
) with (fillfactor = 70);
