-- The role that dashboards read as: what they show, and neither people nor configuration. In the backend's database, as its owner
-- (making a role takes a superuser or createrole), after the first migration. Choose a password of your own.
create role grafana login password 'choose one';
grant select on collectors, batches, metrics, latest, query_texts, dead_letters to grafana;
grant select on query_stats, table_stats, index_stats, replication_status, replication_slots, wraparound_risk to grafana;
