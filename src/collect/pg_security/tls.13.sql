-- How sessions are encrypted: their number by version and cipher, those from this host apart; at most 50 kinds. The
-- collector's own aside. Cost: a row for each session. Needs: pg_read_all_stats, or only the role's own sessions.
select
    case
        when t.ssl then 'tls'
        when g.encrypted then 'gss'
        else 'none'
    end as encryption
    , t.version
    , t.cipher
    , t.bits
    , a.client_addr is not null
        and not a.client_addr <<= '127.0.0.0/8'::inet
        and a.client_addr <> '::1'::inet as remote
    , count(*) as sessions
    , count(*) over () as _total
from pg_catalog.pg_stat_activity a
join pg_catalog.pg_stat_ssl t on t.pid = a.pid
join pg_catalog.pg_stat_gssapi g on g.pid = a.pid
where a.client_port is not null
    and a.pid <> pg_catalog.pg_backend_pid()
    and a.application_name is distinct from 'pganalytics'
group by 1, 2, 3, 4, 5
order by 1, 2, 3, 4, 5
limit 50
