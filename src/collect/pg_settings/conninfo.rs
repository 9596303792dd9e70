//! Connection strings, in both of libpq's forms: keywords that are known to be harmless keep their values, every other
//! loses it. What cannot be read as either is masked as a whole.

use super::secrets::MASK;
use crate::config::is_space;

const HARMLESS: [&str; 33] = [
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "dbname",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "passfile",
    "port",
    "replication",
    "require_auth",
    "requirepeer",
    "service",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslcompression",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "target_session_attrs",
    "user",
];

/// The string without its secrets; `None`: it holds none.
pub(super) fn masked(value: &str) -> Option<String> {
    let url = ["postgres://", "postgresql://"].iter().any(|scheme| value.trim_start().starts_with(scheme));
    let kept = match url {
        true => of_url(value),
        false => of_keywords(value),
    };
    let kept = kept.unwrap_or_else(|| MASK.to_owned());
    (kept != value).then_some(kept)
}

/// `keyword = value` pairs. `None`: it is none of that.
fn of_keywords(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        let (keyword, after) = rest.split_once('=')?;
        let keyword = keyword.trim_end_matches(is_space);
        if keyword.is_empty() || keyword.contains(is_space) {
            return None;
        }
        let after = after.trim_start_matches(is_space);
        let length = value_length(after)?;
        let value = if HARMLESS.contains(&keyword) { &after[..length] } else { MASK };
        let space = if out.is_empty() { "" } else { " " };
        out += &format!("{space}{keyword}={value}");
        rest = after[length..].trim_start_matches(is_space);
    }
    // Where nothing had to go, the spaces stay as they were.
    Some(if out.contains(MASK) { out } else { text.to_owned() })
}

/// Bytes of the value that the text begins with: up to a space, or to the closing quote. `None`: no quote closes it.
fn value_length(text: &str) -> Option<usize> {
    let quoted = text.starts_with('\'');
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(usize::from(quoted)) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' if quoted => return Some(at + 1),
            c if !quoted && is_space(c) => return Some(at),
            _ => {}
        }
    }
    (!quoted).then_some(text.len())
}

/// `postgresql://user:password@host/database?keyword=value`.
fn of_url(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    // A password may hold a question mark, and an at sign that nobody has escaped: the last one ends it.
    let first = rest.find(['@', '/']).filter(|at| rest[*at..].starts_with('@')).unwrap_or(0);
    let end = rest[first..].find('?').map_or(rest.len(), |length| first + length);
    let (place, query) = (&rest[..end], rest[end..].strip_prefix('?'));
    let place = match place.rsplit_once('@') {
        Some((who, host)) => match who.split_once(':') {
            Some((user, _)) => format!("{user}:{MASK}@{host}"),
            None => place.to_owned(),
        },
        None => place.to_owned(),
    };
    let pair = |pair: &str| match pair.split_once('=') {
        Some((keyword, _)) if HARMLESS.contains(&keyword) => pair.to_owned(),
        Some((keyword, _)) => format!("{keyword}={MASK}"),
        None => MASK.to_owned(),
    };
    let query = query.map(|q| format!("?{}", q.split('&').map(pair).collect::<Vec<_>>().join("&")));
    Some(format!("{scheme}://{place}{}", query.unwrap_or_default()))
}

/// A URL of any kind with a password before its host.
pub(super) fn url_with_password(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let place = rest.split(['/', '?', ' ', '\'', '"']).next().unwrap_or_default();
        place.rsplit_once('@').is_some_and(|(who, _)| who.contains(':'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_goes_and_the_host_stays() {
        for (value, expected) in [
            ("host=h user=u password=hunter2 port=5432", "host=h user=u password=*** port=5432"),
            (r"host=h password = 'hun\'ter 2' user=u", "host=h password=*** user=u"),
            (r"password=hun\ ter2 host=h", "password=*** host=h"),
            ("host=h sslpassword=hunter2", "host=h sslpassword=***"),
            ("host=h options='-c x.secret=hunter2'", "host=h options=***"),
            ("host=h PASSWORD=hunter2", "host=h PASSWORD=***"),
            ("host=h password='hunter2", "***"),
            ("hunter2", "***"),
            ("host=h hunter2 user=u", "***"),
            (
                "postgresql://u:hunter2@h:5432/d?sslmode=require",
                "postgresql://u:***@h:5432/d?sslmode=require",
            ),
            ("postgres://u:hun@ter2@h/d", "postgres://u:***@h/d"),
            ("postgres://u:hunter2?x@h/d?user=u", "postgres://u:***@h/d?user=u"),
            ("password=hunter2\u{a0}host=hunter2 user=u", "password=*** user=u"),
            ("password=hunter2\u{b}user=u", "password=*** user=u"),
            ("postgres://h/d?password=hunter2&user=u", "postgres://h/d?password=***&user=u"),
        ] {
            assert_eq!(masked(value).as_deref(), Some(expected), "{value}");
        }
    }

    #[test]
    fn without_a_secret_it_stays_as_it_is() {
        for value in ["host=h  user = u passfile='/home/x/.pgpass'", "postgresql://u@h/d", "service=s"] {
            assert_eq!(masked(value), None, "{value}");
        }
    }
}
