-- The version of an extension in this database, where the role may use its schema: a row, or none. $1: its name.
-- Cost: one row of pg_extension by its index. Needs: nothing.
select
    x.extversion as version
from pg_catalog.pg_extension x
where x.extname = $1::text::name
    and pg_catalog.has_schema_privilege(x.extnamespace, 'usage')
