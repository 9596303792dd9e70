-- Percent of blocks that were found in shared buffers, of all databases together; unknown where none was asked for.
select 1, 'hits', extract(epoch from r."timestamp")::float8
    , 100 * sum(r.blocks_hit) / nullif(sum(r.blocks_hit + r.blocks_read), 0)
from database_rates($3, $4, $5 * interval '1 second', array[$1], array[$2]) r
group by 3
