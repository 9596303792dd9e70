-- SLRU caches, by name. Cost: a row for each cache from shared memory. Needs: nothing.
select
    s.name
    , s.blks_zeroed as blocks_zeroed
    , s.blks_hit as blocks_hit
    , s.blks_read as blocks_read
    , s.blks_written as blocks_written
    , s.blks_exists as blocks_exists
    , s.flushes
    , s.truncates
    , s.stats_reset
from pg_catalog.pg_stat_slru s
