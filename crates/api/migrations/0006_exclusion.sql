-- Whether an exclusion constraint rests on an index: no query reads such an index, and it is needed all the same.
alter table index_stats add column exclusion boolean;
