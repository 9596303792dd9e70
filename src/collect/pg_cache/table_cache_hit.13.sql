-- Blocks of the user tables that were read, and found in shared buffers, since stats_reset: their own, their indexes', their
-- toast's. The $1 most used. Cost: two counters of every table, index and toast table. Opens no relation. Needs: nothing.
with block as materialized (
    select
        c.oid
        , c.relkind
        , pg_catalog.pg_stat_get_blocks_fetched(c.oid) as fetched
        , pg_catalog.pg_stat_get_blocks_hit(c.oid) as hit
    from pg_catalog.pg_class c
    where c.relkind in ('r', 'm', 't', 'i')
        and c.relpersistence <> 't'
), of_indexes as materialized (
    select
        x.indrelid
        , sum(b.fetched)::int8 as fetched
        , sum(b.hit)::int8 as hit
    from pg_catalog.pg_index x
    join block b on b.oid = x.indexrelid
    group by x.indrelid
), candidate as (
    select
        c.oid
        , n.nspname
        , c.relname
        , c.relkind
        , heap.fetched as heap_fetched
        , heap.hit as heap_hit
        , i.fetched as index_fetched
        , i.hit as index_hit
        , toast.fetched as toast_fetched
        , toast.hit as toast_hit
        , ti.fetched as toast_index_fetched
        , ti.hit as toast_index_hit
        , heap.fetched + coalesce(i.fetched, 0) + coalesce(toast.fetched, 0) + coalesce(ti.fetched, 0) as used
        , count(*) over () as total
    from block heap
    join pg_catalog.pg_class c on c.oid = heap.oid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join of_indexes i on i.indrelid = c.oid
    left join block toast on toast.oid = c.reltoastrelid
    left join of_indexes ti on ti.indrelid = c.reltoastrelid
    where heap.relkind in ('r', 'm')
        and n.nspname !~ '^pg_'
        and n.nspname <> 'information_schema'
    order by used desc, c.oid
    limit $1::int4
)
select
    c.nspname::text as schema
    , c.relname::text as name
    , c.oid as relid
    , c.relkind::text as kind
    , c.heap_fetched - c.heap_hit as heap_blocks_read
    , c.heap_hit as heap_blocks_hit
    , 100.0::float8 * c.heap_hit / nullif(c.heap_fetched, 0) as heap_hit_percent
    , c.index_fetched - c.index_hit as index_blocks_read
    , c.index_hit as index_blocks_hit
    , 100.0::float8 * c.index_hit / nullif(c.index_fetched, 0) as index_hit_percent
    , c.toast_fetched - c.toast_hit as toast_blocks_read
    , c.toast_hit as toast_blocks_hit
    , 100.0::float8 * c.toast_hit / nullif(c.toast_fetched, 0) as toast_hit_percent
    , c.toast_index_fetched - c.toast_index_hit as toast_index_blocks_read
    , c.toast_index_hit as toast_index_blocks_hit
    , 100.0::float8 * c.toast_index_hit / nullif(c.toast_index_fetched, 0) as toast_index_hit_percent
    , pg_catalog.pg_stat_get_db_stat_reset_time(
        (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
    ) as stats_reset
    , c.total as _total
from candidate c
order by c.used desc, c.oid
