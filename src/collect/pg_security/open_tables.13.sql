-- Tables, views and foreign tables that everybody may write to, the server's own aside, at most 100; grants on single columns
-- are not looked at. Cost: a row for each relation with grants. Needs: nothing.
select
    n.nspname::text as schema
    , c.relname::text as name
    , c.relkind::text as kind
    , x.privileges
    , count(*) over () as _total
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
cross join lateral (
    select pg_catalog.string_agg(e.privilege_type, ',' order by e.privilege_type) as privileges
    from pg_catalog.aclexplode(c.relacl) e
    where e.grantee = 0 and e.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
) x
where c.relkind in ('r', 'p', 'v', 'f')
    and c.relacl is not null
    and n.nspname not in ('pg_catalog', 'information_schema')
    and x.privileges is not null
order by n.nspname, c.relname
limit 100
