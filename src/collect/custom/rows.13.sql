-- The rows of one query of the operator's, as JSON: at most :max_rows, a row of more than :row_bytes and what comes after
-- :all_bytes stay on the server. The star is the row itself, whatever its columns are called. Cost: what the query
-- costs. Needs: what the query needs.
select
    case
        when pg_catalog.octet_length(s.line) <= :row_bytes and s.bytes <= :all_bytes
            then s.line
    end as line
    , pg_catalog.octet_length(s.line) > :row_bytes as is_long
from (
    select
        r.line
        , pg_catalog.sum(
            case
                when pg_catalog.octet_length(r.line) <= :row_bytes
                    then pg_catalog.octet_length(r.line)
                else 0
            end
        ) over (rows unbounded preceding) as bytes
    from (
        select pg_catalog.row_to_json(c.*)::text as line
        from (
:sql
        ) c
        limit :max_rows
    ) r
) s
