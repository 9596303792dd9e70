-- Functions that run with a superuser's rights, that everybody may call, and whose search_path the caller chooses; at most
-- 100. Cost: a row for each function of the database. Needs: nothing.
select
    n.nspname::text as schema
    , p.proname::text as name
    , pg_catalog.pg_get_function_identity_arguments(p.oid) as arguments
    , o.rolname::text as owner
    , l.lanname::text as language
    , count(*) over () as _total
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_roles o on o.oid = p.proowner
join pg_catalog.pg_language l on l.oid = p.prolang
where p.prosecdef
    and o.rolsuper
    and not exists (
        select 1
        from pg_catalog.unnest(p.proconfig) c(assignment)
        where c.assignment like 'search_path=%'
    )
    and exists (
        select 1
        from pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) x
        where x.grantee = 0 and x.privilege_type = 'EXECUTE'
    )
order by n.nspname, p.proname, p.oid
limit 100
