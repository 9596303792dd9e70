-- Sizes of the tables and indexes that are told one by one ($1 tables, $2 indexes; the same choice as there). A relation
-- that somebody holds, or waits for, under ACCESS EXCLUSIVE, a prepared transaction (which has no pid) too, is not opened:
-- its size is an estimate from relpages, as all are when $3. Cost: opens the relations, a file or more each. Needs: nothing.
with held as materialized (
    select l.relation
    from pg_catalog.pg_locks l
    where l.locktype = 'relation'
        and l.mode = 'AccessExclusiveLock'
        and l.pid is distinct from pg_catalog.pg_backend_pid()
        and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
), candidate as materialized (
    select
        c.oid
        , c.relkind
        , n.nspname
        , c.relname
        , c.relpages
        , c.reltoastrelid
        , row_number() over (
            partition by c.relkind = 'i'
            order by
                case
                    when c.relkind = 'i' then c.relpages
                    else greatest(c.relpages, pg_catalog.pg_stat_get_live_tuples(c.oid) / 64)
                end desc
                , c.oid
        ) as by_size
        , row_number() over (
            partition by c.relkind = 'i'
            order by
                case
                    when c.relkind <> 'i' then
                        pg_catalog.pg_stat_get_numscans(c.oid)
                        + pg_catalog.pg_stat_get_tuples_inserted(c.oid)
                        + pg_catalog.pg_stat_get_tuples_updated(c.oid)
                        + pg_catalog.pg_stat_get_tuples_deleted(c.oid)
                end desc
                , c.oid
        ) as by_activity
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'm', 'i')
        and c.relpersistence <> 't'
        and n.nspname !~ '^pg_'
        and n.nspname <> 'information_schema'
), told as materialized (
    select c.oid
    from candidate c
    where c.relkind <> 'i'
    order by c.by_activity <= $1::int4 / 5 desc, c.by_size
    limit $1::int4
), chosen as materialized (
    select
        c.oid
        , c.relkind
        , c.nspname
        , c.relname
        , c.relpages
        , c.reltoastrelid
        , exists (
            select 1
            from held h
            left join pg_catalog.pg_index x on x.indexrelid = h.relation
            where h.relation in (c.oid, c.reltoastrelid)
                or x.indrelid = nullif(c.reltoastrelid, 0)
        ) as busy
    from candidate c
    where c.relkind = 'i' and c.by_size <= $2::int4
        or c.oid in (select t.oid from told t)
)
select
    c.oid as relid
    , case
        when c.busy or $3::bool then
            (c.relpages + coalesce((select t.relpages from pg_catalog.pg_class t where t.oid = c.reltoastrelid), 0))::int8
            * pg_catalog.current_setting('block_size')::int8
        when c.relkind = 'i' then pg_catalog.pg_relation_size(c.oid)
        else pg_catalog.pg_table_size(c.oid)
    end as size_bytes
    , c.busy or $3::bool as estimated
    , case when c.busy then pg_catalog.format('%I.%I', c.nspname, c.relname) end as locked
from chosen c
order by c.oid
