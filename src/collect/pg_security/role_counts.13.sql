-- How many roles have rights beyond their objects, and how passwords and connections are protected by default. Cost: a
-- row for each role. Needs: nothing.
select
    count(*) as roles_total
    , count(*) filter (where a.rolcanlogin) as logins
    , count(*) filter (where a.rolsuper) as superusers
    , count(*) filter (where a.rolsuper and a.rolcanlogin) as superuser_logins
    , count(*) filter (where a.rolbypassrls) as bypassrls_roles
    , count(*) filter (where a.rolcreaterole) as createrole_roles
    , count(*) filter (where a.rolcreatedb) as createdb_roles
    , count(*) filter (where a.rolreplication and a.rolcanlogin) as replication_logins
    , count(*) filter (where a.rolcanlogin and a.rolvaliduntil <= pg_catalog.now()) as passwords_expired
    , count(*) filter (
        where a.rolcanlogin
            and a.rolvaliduntil > pg_catalog.now()
            and a.rolvaliduntil <= pg_catalog.now() + interval '30 days'
    ) as passwords_expiring
    , pg_catalog.current_setting('password_encryption') as password_encryption
    , pg_catalog.current_setting('ssl')::bool as ssl
from pg_catalog.pg_roles a
