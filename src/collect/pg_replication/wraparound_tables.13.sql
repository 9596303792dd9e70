-- Age of this database, and the tables that it comes from: those older than autovacuum lets them be (their own setting,
-- a toast table without any its owner's, can only lower the server's), and the oldest, a toast table by its owner.
-- What remains until ids wrap around is 2^31 less the age; the percentage is the age's share of 2^31. At risk is what
-- is older than autovacuum_freeze_max_age (autovacuum_multixact_freeze_max_age): vacuums that nobody can switch off
-- should have been there. The current ids are the oldest ones and their age, modulo 2^32: asking for one assigns none.
-- Cost: reads pg_class; 2 ms, and 5 ms for each 1000 tables. Needs: nothing.
with here as materialized (
    select
        pg_catalog.current_setting('autovacuum_freeze_max_age')::int8 as freeze_max_age
        , pg_catalog.current_setting('autovacuum_multixact_freeze_max_age')::int8 as multixact_freeze_max_age
), told as materialized (
    select
        c.oid
        , c.relkind
        , c.relfrozenxid
        , c.relminmxid
        , coalesce(c.reloptions, owner.reloptions) as options
    from pg_catalog.pg_class c
    left join pg_catalog.pg_class owner on c.relkind = 't' and owner.reltoastrelid = c.oid and owner.reloptions is not null
    where c.relkind in ('r', 'm', 't')
        and c.relfrozenxid <> '0'::xid
), aged as materialized (
    select
        t.oid
        , t.relkind
        , pg_catalog.age(t.relfrozenxid)::int8 as xid_age
        , pg_catalog.mxid_age(t.relminmxid)::int8 as mxid_age
        , case when t.options is not null then (
            select o.option_value::int8
            from pg_catalog.pg_options_to_table(t.options) o
            where o.option_name = 'autovacuum_freeze_max_age'
        ) end as xid_limit
        , case when t.options is not null then (
            select o.option_value::int8
            from pg_catalog.pg_options_to_table(t.options) o
            where o.option_name = 'autovacuum_multixact_freeze_max_age'
        ) end as mxid_limit
    from told t
)
select
    d.datname::text as database
    , d.datfrozenxid::text::int8 as relfrozenxid
    , (d.datfrozenxid::text::int8 + a.xid_age) % 4294967296 as current_xid
    , a.xid_age
    , 2147483648 - a.xid_age as xid_until_wraparound
    , a.xid_age * 100 / 2147483648::float8 as percent_until_wraparound
    , h.freeze_max_age
    , a.xid_age > h.freeze_max_age as at_risk
    , d.datminmxid::text::int8 as relminmxid
    , (d.datminmxid::text::int8 + a.mxid_age) % 4294967296 as current_mxid
    , a.mxid_age
    , 2147483648 - a.mxid_age as mxid_until_wraparound
    , a.mxid_age * 100 / 2147483648::float8 as percent_until_mxid_wraparound
    , h.multixact_freeze_max_age
    , a.mxid_age > h.multixact_freeze_max_age as mxid_at_risk
    , n.tables_needing_vacuum
    , n.tables_needing_mxid_vacuum
    , x.xid_age as oldest_table_age
    , x.nspname::text as oldest_table_schema
    , x.relname::text as oldest_table_name
    , x.is_toast as oldest_table_is_toast
    , m.mxid_age as oldest_mxid_table_age
    , m.nspname::text as oldest_mxid_table_schema
    , m.relname::text as oldest_mxid_table_name
    , m.is_toast as oldest_mxid_table_is_toast
from pg_catalog.pg_database d
cross join here h
cross join lateral (
    select
        pg_catalog.age(d.datfrozenxid)::int8 as xid_age
        , pg_catalog.mxid_age(d.datminmxid)::int8 as mxid_age
) a
cross join lateral (
    select
        count(*) filter (where g.xid_age > least(h.freeze_max_age, g.xid_limit)) as tables_needing_vacuum
        , count(*) filter (
            where g.mxid_age > least(h.multixact_freeze_max_age, g.mxid_limit)
        ) as tables_needing_mxid_vacuum
    from aged g
) n
left join lateral (
    select
        o.xid_age
        , o.relkind = 't' as is_toast
        , s.nspname
        , c.relname
    from (
        select
            g.oid
            , g.relkind
            , g.xid_age
        from aged g
        order by g.xid_age desc, g.oid
        limit 1
    ) o
    join pg_catalog.pg_class c on o.relkind <> 't' and c.oid = o.oid or o.relkind = 't' and c.reltoastrelid = o.oid
    join pg_catalog.pg_namespace s on s.oid = c.relnamespace
) x on true
left join lateral (
    select
        o.mxid_age
        , o.relkind = 't' as is_toast
        , s.nspname
        , c.relname
    from (
        select
            g.oid
            , g.relkind
            , g.mxid_age
        from aged g
        order by g.mxid_age desc, g.oid
        limit 1
    ) o
    join pg_catalog.pg_class c on o.relkind <> 't' and c.oid = o.oid or o.relkind = 't' and c.reltoastrelid = o.oid
    join pg_catalog.pg_namespace s on s.oid = c.relnamespace
) m on true
where d.datname = pg_catalog.current_database()
