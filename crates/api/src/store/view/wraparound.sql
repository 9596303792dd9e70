-- The server's own item tells of all databases, and each database's, at times, which table it is.
select s.database
    , 100 - greatest(s.percent_until_wraparound, s.percent_until_mxid_wraparound) as left_percent
    , s.xid_age::float8 as xid_age, s.mxid_age::float8 as mxid_age
    , (
        select concat_ws('.', o.oldest_table_schema, o.oldest_table_name)
        from newest('pg_replication', array[$1], array[$2], array[s.database]) d
        join wraparound_risk o on o.collector_id = $1 and o."timestamp" = d."timestamp" and o.item = d.id
        where d.database = s.database and o.oldest_table_name is not null
        limit 1
    ) as oldest_table
from newest('pg_replication', array[$1], array[$2]) r
join wraparound_risk s on s.collector_id = $1 and s."timestamp" = r."timestamp" and s.item = r.id
where r.database is null and s.database is not null
order by 2 nulls last, 1
