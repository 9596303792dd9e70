-- The $1 largest indexes of user tables as of their last vacuum or analyze, and what a bloat estimate needs to know of the
-- columns of B-trees. Cost: statistics rows of their columns. Opens no relation.
-- Needs: select on the columns (pg_read_all_data has it) for their statistics; nothing for the rest.
with candidate as materialized (
    select
        c.oid
        , n.nspname
        , c.relname
        , c.relpages
        , c.reltuples
        , c.reloptions
        , m.amname
        , t.oid as table_oid
        , t.relname as table_name
        , t.reltuples as table_tuples
        , x.indisvalid
        , x.indisunique
        , x.indisprimary
        , x.indpred is not null as partial
        , x.indnatts
        , x.indnkeyatts
        , x.indkey::int2[] as keys
        , x.indclass::oid[] as classes
        , x.indcollation::oid[] as collations
        , count(*) over () as total
    from pg_catalog.pg_index x
    join pg_catalog.pg_class c on c.oid = x.indexrelid
    join pg_catalog.pg_class t on t.oid = x.indrelid
    join pg_catalog.pg_namespace n on n.oid = t.relnamespace
    join pg_catalog.pg_am m on m.oid = c.relam
    where c.relkind = 'i'
        and t.relkind in ('r', 'm')
        and t.relpersistence <> 't'
        and n.nspname !~ '^pg_'
        and n.nspname <> 'information_schema'
    order by c.relpages desc, c.oid
    limit $1::int4
)
-- The statistics are joined once for all: looked up for each index they would be read anew each time.
, part as materialized (
    select
        c.oid
        , c.nspname
        , case when u.attnum is null then c.relname else c.table_name end as relation
        , coalesce(u.attname, i.attname) as attname
        , coalesce(u.attrelid, c.oid) as attrelid
        , coalesce(u.attnum, i.attnum) as attnum
        , coalesce(u.attnotnull, false) as attnotnull
        , i.attnum as position
        , i.attlen
        , i.attalign
        , i.attnum > c.indnkeyatts as included
        , c.classes[i.attnum - 1] as class
        , nullif(c.collations[i.attnum - 1], 0::oid) as collation
    from candidate c
    join pg_catalog.pg_attribute i on i.attrelid = c.oid and i.attnum > 0
    left join pg_catalog.pg_attribute u
        on u.attrelid = c.table_oid
        and u.attnum = nullif(c.keys[i.attnum - 1], 0)
    where c.amname = 'btree'
)
, whole as materialized (
    select
        i.oid
        , pg_catalog.json_agg(
            pg_catalog.json_build_object(
                'length', i.attlen
                , 'align', i.attalign
                , 'not_null', i.attnotnull
                , 'hidden', not pg_catalog.has_column_privilege(i.attrelid, i.attnum, 'select')
                , 'width', p.avg_width
                , 'nulls', p.null_frac
                , 'distinct', p.n_distinct
            )
            order by i.position
        ) as columns
        , bool_and(i.included or q.oid is not null and (l.oid is null or l.collisdeterministic)) as same_image
    from part i
    left join pg_catalog.pg_stats p
        on p.schemaname = i.nspname
        and p.tablename = i.relation
        and p.attname = i.attname
        and not p.inherited
    left join (
        select oc.oid
        from pg_catalog.pg_opclass oc
        join pg_catalog.pg_amproc ap
            on ap.amprocfamily = oc.opcfamily
            and ap.amproclefttype = oc.opcintype
            and ap.amprocrighttype = oc.opcintype
            and ap.amprocnum = 4
    ) q on q.oid = i.class
    left join pg_catalog.pg_collation l on l.oid = i.collation
    group by i.oid
)
select
    c.oid as relid
    , c.nspname::text as schema
    , c.relname::text as name
    , c.table_name::text as table
    , c.amname::text as method
    , c.indisvalid as valid
    , c.indisunique as unique
    , c.indisprimary as primary
    , c.partial
    , c.relpages * b.block_size as size_bytes
    , b.block_size as _block_size
    , coalesce(o.fillfactor, 90) as _fillfactor
    , c.relpages::int8 as _pages
    , c.reltuples::float8 * case
        when c.reltuples < 0 then null
        when v.last_any is null or c.table_tuples <= 0 then 1
        else least(c.table_tuples::float8, pg_catalog.pg_stat_get_live_tuples(c.table_oid)::float8) / c.table_tuples
    end as _tuples
    , c.amname = 'btree'
        and not c.indisunique
        and c.indnatts = c.indnkeyatts
        and coalesce(o.dedup, true)
        and a.same_image as _deduplicates
    , a.columns as _columns
    , c.total as _total
from candidate c
cross join (select pg_catalog.current_setting('block_size')::int8 as block_size) b
cross join lateral (
    select greatest(
        pg_catalog.pg_stat_get_last_vacuum_time(c.table_oid)
        , pg_catalog.pg_stat_get_last_autovacuum_time(c.table_oid)
        , pg_catalog.pg_stat_get_last_analyze_time(c.table_oid)
        , pg_catalog.pg_stat_get_last_autoanalyze_time(c.table_oid)
    ) as last_any
) v
left join lateral (
    select
        max(case when p.option_name = 'fillfactor' then p.option_value end)::int4 as fillfactor
        , max(case when p.option_name = 'deduplicate_items' then p.option_value end)::bool as dedup
    from pg_catalog.pg_options_to_table(c.reloptions) p
) o on true
left join whole a on a.oid = c.oid
order by c.relpages desc, c.oid
