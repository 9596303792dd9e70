-- The role that looks: whether it inherits, and whether slots are kept for its like. Cost: none to speak of. Needs: nothing.
select
    r.rolname::text as role
    , r.rolinherit as inherits
    , exists (
        select
        from pg_catalog.pg_roles k
        where k.rolname = 'pg_use_reserved_connections'
    ) as can_reserve
    , exists (
        select
        from pg_catalog.pg_roles k
        where k.rolname = 'pg_use_reserved_connections'
            and pg_catalog.pg_has_role(k.oid, 'usage')
    ) as reserves
from pg_catalog.pg_roles r
where r.rolname = current_user
