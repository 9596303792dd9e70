-- How far the tables of each subscription of this database are: copied first, then caught up, then ready.
-- Cost: 0.3 ms without subscriptions, else reads pg_subscription_rel. Needs: nothing.
select
    u.subname::text as subscription
    , count(*) as tables
    , count(*) filter (where r.srsubstate = 'i') as initialising
    , count(*) filter (where r.srsubstate = 'd') as copying
    , count(*) filter (where r.srsubstate = 'f') as copied
    , count(*) filter (where r.srsubstate = 's') as synchronised
    , count(*) filter (where r.srsubstate = 'r') as ready
    , count(*) over () as _total
from pg_catalog.pg_subscription_rel r
join pg_catalog.pg_subscription u on u.oid = r.srsubid
group by u.subname
order by u.subname
limit 1000
