-- A piece of one log file, and its first bytes. $1: its name, below the data directory or whole; $2, $3: from where, how many bytes at most.
-- Cost: these bytes. Needs: execute on pg_read_binary_file, which opens every file of the server's to the role.
select
    pg_catalog.pg_read_binary_file($1::text, 0, 64, true) as head
    , pg_catalog.pg_read_binary_file($1::text, $2::int8, $3::int8, true) as piece
