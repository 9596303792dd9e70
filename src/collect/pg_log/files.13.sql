-- The files in the server's log directory, the latest 1000. Cost: one look at each. Needs: pg_monitor.
select
    f.name
    , f.size as bytes
    , pg_catalog.date_part('epoch', f.modification)::int8 as modified_s
from pg_catalog.pg_ls_logdir() f
order by f.modification desc, f.name desc
limit 1000
