-- Who has, directly or through other roles, a predefined role that reaches the server's files, its programs or all data;
-- at most 200. Superusers, who have them all, aside. Cost: the members of nine roles. Needs: nothing.
with recursive member as (
    select
        r.oid as granted
        , m.member
    from pg_catalog.pg_roles r
    join pg_catalog.pg_auth_members m on m.roleid = r.oid
    where r.rolname in (
        'pg_checkpoint', 'pg_create_subscription', 'pg_execute_server_program', 'pg_maintain', 'pg_read_all_data'
        , 'pg_read_server_files', 'pg_signal_backend', 'pg_write_all_data', 'pg_write_server_files'
    )
    union
    select
        c.granted
        , m.member
    from member c
    join pg_catalog.pg_auth_members m on m.roleid = c.member
)
select
    g.rolname::text as granted_role
    , a.rolname::text as name
    , a.rolcanlogin as login
    , exists (
        select 1
        from pg_catalog.pg_auth_members d
        where d.roleid = c.granted and d.member = c.member
    ) as direct
    , count(*) over () as _total
from member c
join pg_catalog.pg_roles g on g.oid = c.granted
join pg_catalog.pg_roles a on a.oid = c.member
where not a.rolsuper
order by g.rolname, a.rolname
limit 200
