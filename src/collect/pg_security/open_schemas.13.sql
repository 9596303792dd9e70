-- Schemas of this database in which everybody may create, at most 100. Cost: a row for each schema. Needs: nothing.
select
    n.nspname::text as name
    , pg_catalog.pg_get_userbyid(n.nspowner)::text as owner
    , count(*) over () as _total
from pg_catalog.pg_namespace n
where exists (
    select 1
    from pg_catalog.aclexplode(n.nspacl) x
    where x.grantee = 0 and x.privilege_type = 'CREATE'
)
order by n.nspname
limit 100
