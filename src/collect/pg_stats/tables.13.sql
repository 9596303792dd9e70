-- Activity and vacuum state of the user tables: all of them, or, beyond $1, the busiest fifth of $1 and the largest of the
-- others. Cost: five counters of every table, all counters of the chosen. Opens no relation. Needs: nothing.
-- A partitioned table has no storage, scans or vacuum state of its own: its partitions are told.
with candidate as materialized (
    select
        c.oid
        , n.nspname
        , c.relname
        , c.relkind
        , c.relfrozenxid
        , count(*) over () as total
        , row_number() over (
            order by greatest(c.relpages, pg_catalog.pg_stat_get_live_tuples(c.oid) / 64) desc, c.oid
        ) as by_size
        , row_number() over (
            order by
                pg_catalog.pg_stat_get_numscans(c.oid)
                + pg_catalog.pg_stat_get_tuples_inserted(c.oid)
                + pg_catalog.pg_stat_get_tuples_updated(c.oid)
                + pg_catalog.pg_stat_get_tuples_deleted(c.oid) desc
                , c.oid
        ) as by_activity
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'm')
        and c.relpersistence <> 't'
        and n.nspname !~ '^pg_'
        and n.nspname <> 'information_schema'
), chosen as materialized (
    select
        c.oid
        , c.nspname
        , c.relname
        , c.relkind
        , c.relfrozenxid
        , c.total
        , c.by_size
    from candidate c
    order by c.by_activity <= $1::int4 / 5 desc, c.by_size
    limit $1::int4
)
select
    c.oid as relid
    , c.nspname::text as schema
    , c.relname::text as name
    , c.relkind::text as kind
    , pg_catalog.pg_stat_get_numscans(c.oid) as seq_scans
    , pg_catalog.pg_stat_get_tuples_returned(c.oid) as seq_tuples_read
    , i.scans as index_scans
    , i.fetched + pg_catalog.pg_stat_get_tuples_fetched(c.oid) as index_tuples_fetched
    , pg_catalog.pg_stat_get_tuples_inserted(c.oid) as tuples_inserted
    , pg_catalog.pg_stat_get_tuples_updated(c.oid) as tuples_updated
    , pg_catalog.pg_stat_get_tuples_deleted(c.oid) as tuples_deleted
    , pg_catalog.pg_stat_get_tuples_hot_updated(c.oid) as tuples_hot_updated
    , pg_catalog.pg_stat_get_live_tuples(c.oid) as live_tuples
    , pg_catalog.pg_stat_get_dead_tuples(c.oid) as dead_tuples
    , pg_catalog.pg_stat_get_mod_since_analyze(c.oid) as modified_since_analyze
    , pg_catalog.pg_stat_get_ins_since_vacuum(c.oid) as inserted_since_vacuum
    , pg_catalog.pg_stat_get_last_vacuum_time(c.oid) as last_vacuum
    , pg_catalog.pg_stat_get_last_autovacuum_time(c.oid) as last_autovacuum
    , pg_catalog.pg_stat_get_last_analyze_time(c.oid) as last_analyze
    , pg_catalog.pg_stat_get_last_autoanalyze_time(c.oid) as last_autoanalyze
    , pg_catalog.pg_stat_get_vacuum_count(c.oid) as vacuum_count
    , pg_catalog.pg_stat_get_autovacuum_count(c.oid) as autovacuum_count
    , pg_catalog.pg_stat_get_analyze_count(c.oid) as analyze_count
    , pg_catalog.pg_stat_get_autoanalyze_count(c.oid) as autoanalyze_count
    , pg_catalog.age(c.relfrozenxid) as xid_age
    , c.total as _total
from chosen c
left join lateral (
    select
        sum(pg_catalog.pg_stat_get_numscans(x.indexrelid))::int8 as scans
        , sum(pg_catalog.pg_stat_get_tuples_fetched(x.indexrelid))::int8 as fetched
    from pg_catalog.pg_index x
    where x.indrelid = c.oid
) i on true
order by c.by_size
