-- How many rules of pg_hba.conf there are, and how many of them are wrong or wide open. Cost: reads the file. Needs: select
-- on pg_hba_file_rules and execute on its function, which only superusers have unless they were granted.
select
    count(*) filter (where h.error is null) as hba_rules
    , count(*) filter (where h.error is not null) as hba_errors
    , count(*) filter (where h.auth_method = 'trust') as hba_trust
    , count(*) filter (
        where h.auth_method in ('password', 'ldap', 'pam', 'bsd', 'radius')
            and h.type not in ('local', 'hostssl', 'hostgssenc')
    ) as hba_cleartext_password
    , count(*) filter (where h.auth_method = 'md5') as hba_md5
    , count(*) filter (
        where h.auth_method <> 'reject' and (
            h.address = 'all'
            or h.address in ('0.0.0.0', '::') and h.netmask in ('0.0.0.0', '::')
        )
    ) as hba_open_to_all
from pg_catalog.pg_hba_file_rules h
