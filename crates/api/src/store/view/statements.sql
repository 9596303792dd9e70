-- The statements that took most time within the span, each with its course.
with grown as materialized (
    select database, hash, "user", "timestamp", seconds, calls, total_time, rows, shared_blks_read
    from query_rates($3, $4, $5 * interval '1 second', array[$1], array[$2])
), top as (
    select database, hash, "user", sum(calls) as calls, sum(total_time) as total, sum(rows) as rows
        , sum(shared_blks_read) as read, 100 * sum(total_time) / nullif(sum(sum(total_time)) over (), 0) as share
    from grown group by 1, 2, 3 order by total desc nulls last, hash limit 10
), course as (
    select t.database, t.hash, t."user", g."timestamp", sum(g.total_time / g.seconds) as ms
    from grown g join top t on t.hash = g.hash
        and t.database is not distinct from g.database and t."user" is not distinct from g."user"
    group by 1, 2, 3, 4
)
select t.hash::text as hash, t.database, t."user", left(q.text, 4000) as text, t.calls, round(t.total::numeric, 3)::float8 as total_ms
    , t.rows, t.read as blocks_read, round(t.share::numeric, 3)::float8 as share_percent
    , coalesce((
        select jsonb_agg(jsonb_build_array(extract(epoch from c."timestamp")::float8, round(c.ms::numeric, 3)::float8) order by c."timestamp")
        from course c where c.database is not distinct from t.database and c.hash = t.hash and c."user" is not distinct from t."user"
    ), '[]') as trend
from top t
left join query_texts q on q.collector_id = $1 and q.server = $2 and q.hash = t.hash
where t.total is not null and t.hash is not null
order by t.total desc, t.hash
