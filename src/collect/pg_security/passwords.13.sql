-- In what form the passwords of logins are kept: how many of each, never a password. Cost: a row for each role.
-- Needs: select on pg_authid, which only superusers have unless it was granted.
select
    count(*) filter (where a.rolpassword like 'SCRAM-SHA-256$%') as scram
    , count(*) filter (where a.rolpassword ~ '^md5[0-9a-f]{32}$') as md5
    , count(*) filter (where a.rolpassword is null) as none
    , count(*) filter (
        where a.rolpassword not like 'SCRAM-SHA-256$%' and a.rolpassword !~ '^md5[0-9a-f]{32}$'
    ) as other
from pg_catalog.pg_authid a
where a.rolcanlogin
