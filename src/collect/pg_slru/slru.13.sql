-- SLRU caches, under the names that 17 gave them; a cache without such a name keeps its own. Cost: a row for each cache
-- from shared memory. Needs: nothing.
select
    case s.name
        when 'CommitTs' then 'commit_timestamp'
        when 'MultiXactMember' then 'multixact_member'
        when 'MultiXactOffset' then 'multixact_offset'
        when 'Notify' then 'notify'
        when 'Serial' then 'serializable'
        when 'Subtrans' then 'subtransaction'
        when 'Xact' then 'transaction'
        else s.name
    end as name
    , s.blks_zeroed as blocks_zeroed
    , s.blks_hit as blocks_hit
    , s.blks_read as blocks_read
    , s.blks_written as blocks_written
    , s.blks_exists as blocks_exists
    , s.flushes
    , s.truncates
    , s.stats_reset
from pg_catalog.pg_stat_slru s
