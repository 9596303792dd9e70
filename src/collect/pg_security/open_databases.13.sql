-- Databases in which everybody may create schemas or temporary tables, at most 200. Cost: a row for each database.
-- Needs: nothing.
select
    p.name
    , p.owner
    , p.creates
    , p.temporary
    , p.connects
    , count(*) over () as _total
from (
    select
        d.datname::text as name
        , pg_catalog.pg_get_userbyid(d.datdba)::text as owner
        , pg_catalog.bool_or(x.privilege_type = 'CREATE') as creates
        , pg_catalog.bool_or(x.privilege_type = 'TEMPORARY') as temporary
        , pg_catalog.bool_or(x.privilege_type = 'CONNECT') as connects
    from pg_catalog.pg_database d
    cross join lateral pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) x
    where x.grantee = 0 and d.datallowconn
    group by d.oid, d.datname, d.datdba
) p
where p.creates or p.temporary
order by p.creates desc, p.name
limit 200
