-- The $1 largest user tables as of their last vacuum or analyze, what a bloat estimate needs to know of their columns, and
-- whether autovacuum is due by its own rules. Cost: statistics rows of their columns. Opens no relation.
-- Needs: select on the columns (pg_read_all_data has it) for their statistics; nothing for the rest.
with server as materialized (
    select
        pg_catalog.current_setting('block_size')::int8 as block_size
        , pg_catalog.current_setting('autovacuum')::bool and pg_catalog.current_setting('track_counts')::bool as active
        , pg_catalog.current_setting('autovacuum_vacuum_threshold')::float8 as vacuum_base
        , pg_catalog.current_setting('autovacuum_vacuum_scale_factor')::float8 as vacuum_scale
        , pg_catalog.current_setting('autovacuum_vacuum_max_threshold')::float8 as vacuum_max
        , pg_catalog.current_setting('autovacuum_vacuum_insert_threshold')::float8 as insert_base
        , pg_catalog.current_setting('autovacuum_vacuum_insert_scale_factor')::float8 as insert_scale
        , pg_catalog.current_setting('autovacuum_analyze_threshold')::float8 as analyze_base
        , pg_catalog.current_setting('autovacuum_analyze_scale_factor')::float8 as analyze_scale
        , pg_catalog.current_setting('autovacuum_freeze_max_age')::int8 as freeze_max_age
        , pg_catalog.current_setting('autovacuum_multixact_freeze_max_age')::int8 as multixact_freeze_max_age
        , pg_catalog.pg_is_in_recovery() as standby
), candidate as materialized (
    select
        c.oid
        , n.nspname
        , c.relname
        , c.relkind
        , c.relpages
        , c.reltuples
        , c.relallfrozen
        , c.reltoastrelid
        , c.reloptions
        , pg_catalog.age(c.relfrozenxid)::int8 as xid_age
        , pg_catalog.mxid_age(c.relminmxid)::int8 as multixact_age
        , count(*) over () as total
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'm')
        and c.relpersistence <> 't'
        and n.nspname !~ '^pg_'
        and n.nspname <> 'information_schema'
    order by c.relpages desc, c.oid
    limit $1::int4
), known as materialized (
    select
        c.oid
        , pg_catalog.pg_stat_get_dead_tuples(c.oid) as dead_tuples
        , pg_catalog.pg_stat_get_mod_since_analyze(c.oid) as modified
        , pg_catalog.pg_stat_get_ins_since_vacuum(c.oid) as inserted
        , v.last_vacuum
        , v.last_autovacuum
        , v.last_analyze
        , v.last_autoanalyze
        , v.last_any
        , case
            when c.relpages = 0 and v.last_any is null or c.reltuples < 0 then null
            when v.last_any is null then c.reltuples::float8
            else least(c.reltuples::float8, pg_catalog.pg_stat_get_live_tuples(c.oid)::float8)
        end as live
        , t.relpages as toast_pages
        , case
            when t.relpages > 0 and t.reltuples >= 0 then t.reltuples::float8
        end as toast_tuples
    from candidate c
    left join pg_catalog.pg_class t on t.oid = nullif(c.reltoastrelid, 0::oid)
    cross join lateral (
        select
            l.last_vacuum
            , l.last_autovacuum
            , l.last_analyze
            , l.last_autoanalyze
            , greatest(l.last_vacuum, l.last_autovacuum, l.last_analyze, l.last_autoanalyze) as last_any
        from (
            select
                pg_catalog.pg_stat_get_last_vacuum_time(c.oid) as last_vacuum
                , pg_catalog.pg_stat_get_last_autovacuum_time(c.oid) as last_autovacuum
                , pg_catalog.pg_stat_get_last_analyze_time(c.oid) as last_analyze
                , pg_catalog.pg_stat_get_last_autoanalyze_time(c.oid) as last_autoanalyze
        ) l
    ) v
), option as materialized (
    select
        c.oid
        , max(case when o.option_name = 'fillfactor' then o.option_value end)::int4 as fillfactor
        , max(case when o.option_name = 'autovacuum_enabled' then o.option_value end)::bool as enabled
        , max(case when o.option_name = 'autovacuum_vacuum_threshold' then o.option_value end)::float8 as vacuum_base
        , max(case when o.option_name = 'autovacuum_vacuum_scale_factor' then o.option_value end)::float8 as vacuum_scale
        , max(case when o.option_name = 'autovacuum_vacuum_max_threshold' then o.option_value end)::float8 as vacuum_max
        , max(case when o.option_name = 'autovacuum_vacuum_insert_threshold' then o.option_value end)::float8 as insert_base
        , max(
            case when o.option_name = 'autovacuum_vacuum_insert_scale_factor' then o.option_value end
        )::float8 as insert_scale
        , max(case when o.option_name = 'autovacuum_analyze_threshold' then o.option_value end)::float8 as analyze_base
        , max(case when o.option_name = 'autovacuum_analyze_scale_factor' then o.option_value end)::float8 as analyze_scale
        , max(case when o.option_name = 'autovacuum_freeze_max_age' then o.option_value end)::int8 as freeze_max_age
        , max(
            case when o.option_name = 'autovacuum_multixact_freeze_max_age' then o.option_value end
        )::int8 as multixact_freeze_max_age
    from candidate c
    cross join lateral pg_catalog.pg_options_to_table(c.reloptions) o
    group by c.oid
), rule as materialized (
    select
        c.oid
        , s.active and coalesce(o.enabled, true) as enabled
        , least(
            coalesce(o.vacuum_base, s.vacuum_base)
            + coalesce(o.vacuum_scale, s.vacuum_scale) * greatest(c.reltuples, 0)
            , case when coalesce(o.vacuum_max, s.vacuum_max) >= 0 then coalesce(o.vacuum_max, s.vacuum_max) end
        ) as vacuum_threshold
        , case
            when coalesce(o.insert_base, s.insert_base) >= 0 then
                coalesce(o.insert_base, s.insert_base)
                + coalesce(o.insert_scale, s.insert_scale) * greatest(c.reltuples, 0)
                * (1 - least(greatest(c.relallfrozen, 0), c.relpages)::float8 / greatest(c.relpages, 1))
        end as insert_threshold
        , coalesce(o.analyze_base, s.analyze_base)
            + coalesce(o.analyze_scale, s.analyze_scale) * greatest(c.reltuples, 0) as analyze_threshold
        , least(o.freeze_max_age, s.freeze_max_age) as freeze_max_age
        , least(o.multixact_freeze_max_age, s.multixact_freeze_max_age) as multixact_freeze_max_age
    from candidate c
    cross join server s
    left join option o on o.oid = c.oid
), due as materialized (
    select
        c.oid
        , case
            when s.standby then null
            when c.xid_age > r.freeze_max_age or c.multixact_age > r.multixact_freeze_max_age then 'wraparound'
            when r.enabled and k.dead_tuples > r.vacuum_threshold then 'dead_tuples'
            when r.enabled and k.inserted > r.insert_threshold then 'inserts'
            else 'nothing'
        end as vacuum_for
        , case
            when not s.standby then r.enabled and k.modified > r.analyze_threshold
        end as analyze_due
    from candidate c
    cross join server s
    join known k on k.oid = c.oid
    join rule r on r.oid = c.oid
)
select
    c.oid as relid
    , c.nspname::text as schema
    , c.relname::text as name
    , c.relkind::text as kind
    , c.relpages * s.block_size as size_bytes
    , k.live::int8 as live_tuples
    , k.toast_pages * s.block_size as toast_size_bytes
    , case
        when k.toast_tuples is not null then
            greatest(k.toast_pages - ceil(k.toast_tuples / 4), 0)::int8 * s.block_size
    end as toast_wasted_bytes_min
    , k.last_vacuum
    , k.last_autovacuum
    , k.last_analyze
    , k.last_autoanalyze
    , case when not s.standby then k.dead_tuples end as dead_tuples
    , case when not s.standby then k.modified end as modified_since_analyze
    , case when not s.standby then k.inserted end as inserted_since_vacuum
    , r.enabled as autovacuum_enabled
    , r.vacuum_threshold
    , r.insert_threshold
    , r.analyze_threshold
    , c.xid_age
    , r.freeze_max_age
    , c.multixact_age
    , r.multixact_freeze_max_age
    , d.vacuum_for <> 'nothing' as vacuum_due
    , nullif(d.vacuum_for, 'nothing') as vacuum_due_for
    , d.analyze_due
    , s.block_size as _block_size
    , coalesce(o.fillfactor, 100) as _fillfactor
    , c.relpages::int8 as _pages
    , k.live as _tuples
    , a.columns as _columns
    , c.total as _total
from candidate c
cross join server s
join known k on k.oid = c.oid
join rule r on r.oid = c.oid
join due d on d.oid = c.oid
left join option o on o.oid = c.oid
left join lateral (
    select
        pg_catalog.json_agg(
            pg_catalog.json_build_object(
                'length', a.attlen
                , 'align', a.attalign
                , 'dropped', a.attisdropped
                , 'added', a.atthasmissing
                , 'not_null', a.attnotnull
                , 'hidden', not a.attisdropped and not pg_catalog.has_column_privilege(c.oid, a.attnum, 'select')
                , 'width', p.avg_width
                , 'nulls', p.null_frac
            )
            order by a.attnum
        ) as columns
    from pg_catalog.pg_attribute a
    left join pg_catalog.pg_stats p
        on p.schemaname = c.nspname
        and p.tablename = c.relname
        and p.attname = a.attname
        and not p.inherited
    where a.attrelid = c.oid
        and a.attnum > 0
) a on true
order by c.relpages desc, c.oid
