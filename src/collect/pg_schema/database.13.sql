-- Which database this is, whatever its name. Cost: one row. Needs: nothing.
select d.oid
from pg_catalog.pg_database d
where d.datname = pg_catalog.current_database()
