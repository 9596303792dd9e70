-- Transactions a second, of all databases together.
select n.place, n.name, extract(epoch from r."timestamp")::float8, sum(n.count / r.seconds)
from database_rates($3, $4, $5 * interval '1 second', array[$1], array[$2]) r
cross join lateral (values (1, 'committed', r.transactions_committed), (2, 'rolled back', r.transactions_rolledback)) n(place, name, count)
group by 1, 2, 3
