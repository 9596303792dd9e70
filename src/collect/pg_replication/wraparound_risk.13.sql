-- Age of every database, templates and closed ones too, the oldest first.
-- What remains until ids wrap around is 2^31 less the age; the percentage is the age's share of 2^31. At risk is what
-- is older than autovacuum_freeze_max_age (autovacuum_multixact_freeze_max_age): vacuums that nobody can switch off
-- should have been there. The current ids are the oldest ones and their age, modulo 2^32: asking for one assigns none.
-- Cost: 0.4 ms, reads pg_database. Needs: nothing.
with here as materialized (
    select
        pg_catalog.current_setting('autovacuum_freeze_max_age')::int8 as freeze_max_age
        , pg_catalog.current_setting('autovacuum_multixact_freeze_max_age')::int8 as multixact_freeze_max_age
)
select
    d.datname::text as database
    , d.datfrozenxid::text::int8 as relfrozenxid
    , (d.datfrozenxid::text::int8 + a.xid_age) % 4294967296 as current_xid
    , a.xid_age
    , 2147483648 - a.xid_age as xid_until_wraparound
    , a.xid_age * 100 / 2147483648::float8 as percent_until_wraparound
    , h.freeze_max_age
    , a.xid_age > h.freeze_max_age as at_risk
    , d.datminmxid::text::int8 as relminmxid
    , (d.datminmxid::text::int8 + a.mxid_age) % 4294967296 as current_mxid
    , a.mxid_age
    , 2147483648 - a.mxid_age as mxid_until_wraparound
    , a.mxid_age * 100 / 2147483648::float8 as percent_until_mxid_wraparound
    , h.multixact_freeze_max_age
    , a.mxid_age > h.multixact_freeze_max_age as mxid_at_risk
    , count(*) over () as _total
from pg_catalog.pg_database d
cross join here h
cross join lateral (
    select
        pg_catalog.age(d.datfrozenxid)::int8 as xid_age
        , pg_catalog.mxid_age(d.datminmxid)::int8 as mxid_age
) a
order by greatest(a.xid_age, a.mxid_age) desc, d.oid
limit 1000
