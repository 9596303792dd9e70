-- Asynchronous input and output under way, by state, operation and target, at most 50 kinds (_total: how many); the
-- collector's own aside. Cost: looks at each handle in shared memory. Needs: pg_read_all_stats.
select
    a.state
    , a.operation
    , a.target
    , count(*)::int4 as count
    , sum(a.length)::int8 as bytes
    , count(*) over () as _total
from pg_catalog.pg_get_aios() a
where a.pid <> pg_catalog.pg_backend_pid()
    and not exists (
        select 1
        from pg_catalog.pg_stat_get_activity(a.pid) s
        where s.application_name = 'pganalytics'
    )
group by a.state, a.operation, a.target
order by count(*) desc, a.state, a.operation, a.target
limit 50
