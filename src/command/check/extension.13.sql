-- An extension in this database: whether the server has it to offer, which version is there, where, and what of it the
-- role may not use. $1: its name; $2: the role. Cost: reads the extensions' control files once. Needs: nothing.
select
    (
        select a.default_version::text
        from pg_catalog.pg_available_extensions a
        where a.name = $1::text
    ) as offered
    , x.extversion::text as version
    , x.extnamespace::regnamespace::text as schema
    , pg_catalog.has_schema_privilege($2::text::name, x.extnamespace, 'usage') as is_open
    , (
        select pg_catalog.string_agg(p.oid::regprocedure::text, pg_catalog.chr(10) order by p.oid)
        from pg_catalog.pg_depend d
        join pg_catalog.pg_proc p on p.oid = d.objid
        where d.classid = 'pg_catalog.pg_proc'::regclass
            and d.refclassid = 'pg_catalog.pg_extension'::regclass
            and d.refobjid = x.oid
            and d.deptype = 'e'
            and p.proname in ('pg_stat_statements', 'pg_stat_statements_info')
            and not pg_catalog.has_function_privilege($2::text::name, p.oid, 'execute')
    )::text as closed
from (values (1)) one(row)
left join pg_catalog.pg_extension x on x.extname = $1::text
