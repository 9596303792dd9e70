-- Rules of pg_hba.conf in their order, at most 200: what they say, what is wrong with them, and what to look at: trust,
-- passwords in clear text, open to every address. Of options that are not known to be harmless the value is masked, and an
-- error ends where it begins to quote. Cost: reads the file. Needs: select on pg_hba_file_rules and execute on its
-- function, which only superusers have unless they were granted.
select
    h.line_number
    , h.type
    , pg_catalog.array_to_string(h.database, ',') as databases
    , pg_catalog.array_to_string(h.user_name, ',') as users
    , h.address
    , h.netmask
    , h.auth_method
    , (
        select pg_catalog.string_agg(
            case
                when pg_catalog.split_part(o.assignment, '=', 1) in (
                    'map', 'clientcert', 'clientname', 'include_realm', 'krb_realm', 'compat_realm', 'upn_username'
                    , 'pamservice', 'pam_use_hostname', 'ldapserver', 'ldapport', 'ldapscheme', 'ldaptls'
                    , 'ldapprefix', 'ldapsuffix', 'ldapbasedn', 'ldapsearchattribute', 'radiusservers', 'radiusports'
                    , 'radiusidentifiers', 'issuer', 'scope', 'validator', 'delegate_ident_mapping'
                ) then o.assignment
                else pg_catalog.split_part(o.assignment, '=', 1) || '=***'
            end
            , ' '
            order by o.position
        )
        from pg_catalog.unnest(h.options) with ordinality o(assignment, position)
    ) as options
    , pg_catalog.split_part(h.error, ':', 1) as error
    , coalesce(h.auth_method = 'trust', false) as trust
    , coalesce(
        h.auth_method in ('password', 'ldap', 'pam', 'bsd', 'radius')
        and h.type not in ('local', 'hostssl', 'hostgssenc')
        , false
    ) as cleartext_password
    , coalesce(
        h.auth_method <> 'reject'
        and (h.address = 'all' or h.address in ('0.0.0.0', '::') and h.netmask in ('0.0.0.0', '::'))
        , false
    ) as open_to_all
    , count(*) over () as _total
from pg_catalog.pg_hba_file_rules h
order by h.line_number
limit 200
