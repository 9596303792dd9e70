-- Roles with rights beyond their objects, and logins whose password has expired or will within 30 days; at most 200. Cost: a
-- row for each role. Needs: nothing.
select
    r.name
    , r.login
    , r.superuser
    , r.bypasses_rls
    , r.creates_roles
    , r.creates_databases
    , r.replication
    , r.password_valid_until
    , r.password_expired
    , r.password_expires_soon
    , count(*) over () as _total
from (
    select
        a.rolname::text as name
        , a.rolcanlogin as login
        , a.rolsuper as superuser
        , a.rolbypassrls as bypasses_rls
        , a.rolcreaterole as creates_roles
        , a.rolcreatedb as creates_databases
        , a.rolreplication as replication
        , a.rolvaliduntil as password_valid_until
        , a.rolcanlogin and coalesce(a.rolvaliduntil <= pg_catalog.now(), false) as password_expired
        , a.rolcanlogin and coalesce(
            a.rolvaliduntil > pg_catalog.now() and a.rolvaliduntil <= pg_catalog.now() + interval '30 days'
            , false
        ) as password_expires_soon
    from pg_catalog.pg_roles a
) r
where r.superuser
    or r.bypasses_rls
    or r.creates_roles
    or r.creates_databases
    or r.replication
    or r.password_expired
    or r.password_expires_soon
order by r.superuser desc, r.bypasses_rls desc, r.creates_roles desc, r.replication desc, r.name
limit 200
