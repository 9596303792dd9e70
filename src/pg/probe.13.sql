-- What this server is and what the role may see: one row. $1: roles whose rights may be in force; $2: functions and
-- relations that collectors use. Cost: reads pg_database, pg_roles and pg_extension once. Needs: nothing.
select
    pg_catalog.current_setting('server_version_num')::int4 as version_num
    , pg_catalog.pg_is_in_recovery() as in_recovery
    , (select s.system_identifier from pg_catalog.pg_control_system() s) as system_identifier
    , (extract(epoch from pg_catalog.pg_postmaster_start_time()) * 1000000)::int8 as postmaster_start_us
    , (extract(epoch from pg_catalog.clock_timestamp()) * 1000000)::int8 as now_us
    , pg_catalog.pg_has_role('pg_read_all_stats', 'member') as monitor
    , pg_catalog.pg_has_role('pg_monitor', 'member') and not pg_catalog.pg_has_role('pg_monitor', 'usage') as as_monitor
    , pg_catalog.current_setting('is_superuser') = 'on' as superuser
    , current_user::text as role
    , case
        when pg_catalog.pg_has_role('pg_read_all_settings', 'usage')
            then pg_catalog.current_setting('data_directory', true)
    end as data_directory
    , pg_catalog.current_database()::text as database
    , d.databases
    , d.database_oids
    , d.database_allows
    , d.database_templates
    , d.database_open
    , d.database_full
    , e.extensions
    , e.extension_versions
    , e.extension_schemas
    , t.tablespaces
    , t.tablespace_paths
    , r.roles
    , o.objects
    , o.usable
from (
    select
        pg_catalog.array_agg(b.datname::text order by b.oid) as databases
        , pg_catalog.array_agg(b.oid order by b.oid) as database_oids
        , pg_catalog.array_agg(b.datallowconn and b.datconnlimit <> -2 order by b.oid) as database_allows
        , pg_catalog.array_agg(b.datistemplate order by b.oid) as database_templates
        , pg_catalog.array_agg(pg_catalog.has_database_privilege(b.oid, 'connect') order by b.oid) as database_open
        , pg_catalog.array_agg(b.datconnlimit = 0 and pg_catalog.current_setting('is_superuser') <> 'on' order by b.oid) as database_full
    from pg_catalog.pg_database b
) d
cross join (
    select
        pg_catalog.array_agg(x.extname::text order by x.oid) as extensions
        , pg_catalog.array_agg(x.extversion order by x.oid) as extension_versions
        , pg_catalog.array_agg(x.extnamespace::regnamespace::text order by x.oid) as extension_schemas
    from pg_catalog.pg_extension x
) e
cross join (
    select
        pg_catalog.array_agg(s.spcname::text order by s.oid) as tablespaces
        , pg_catalog.array_agg(pg_catalog.pg_tablespace_location(s.oid) order by s.oid) as tablespace_paths
    from pg_catalog.pg_tablespace s
) t
cross join (
    select case
        when pg_catalog.pg_has_role('pg_monitor', 'member') and not pg_catalog.pg_has_role('pg_monitor', 'usage')
            then 'pg_monitor'
        else current_user
    end::name as role
) w
cross join lateral (
    select pg_catalog.array_agg(a.rolname::text order by a.oid) as roles
    from pg_catalog.pg_roles a
    where a.rolname = any ($1::text[])
        and pg_catalog.pg_has_role(w.role, a.oid, 'usage')
) r
cross join lateral (
    select
        pg_catalog.array_agg(u.object order by u.position) as objects
        , pg_catalog.array_agg(u.usable order by u.position) as usable
    from (
        select
            k.object
            , k.position
            , case
                when k.object like '%)'
                    then pg_catalog.has_function_privilege(w.role, pg_catalog.to_regprocedure(k.object)::oid, 'execute')
                else pg_catalog.has_table_privilege(w.role, pg_catalog.to_regclass(k.object)::oid, 'select')
            end as usable
        from pg_catalog.unnest($2::text[]) with ordinality k(object, position)
    ) u
    where u.usable is not null
) o
