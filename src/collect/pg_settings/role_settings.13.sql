-- Settings of databases and roles; at most 5000. Cost: a row for each database or role that has some. Needs: nothing.
select
    coalesce(d.datname::text, '') as database
    , coalesce(a.rolname::text, '') as role
    , pg_catalog.split_part(c.assignment, '=', 1) as name
    , pg_catalog.substr(c.assignment, pg_catalog.strpos(c.assignment, '=') + 1) as value
    , count(*) over () as _total
from pg_catalog.pg_db_role_setting s
left join pg_catalog.pg_database d on d.oid = s.setdatabase
left join pg_catalog.pg_roles a on a.oid = s.setrole
cross join lateral pg_catalog.unnest(s.setconfig) c(assignment)
order by s.setdatabase, s.setrole, c.assignment
limit 5000
