//! One `dsn`: libpq's connection string (`host=a dbname='b c'`) or address (`postgresql://user@host/db`).
//!
//! Owns the two grammars, as PostgreSQL's documents give them. Gives back pairs of keyword and value in the
//! order written, and refuses what libpq refuses; errors never quote the text, as it may hold a password.

type Pairs = Vec<(String, String)>;

pub(super) fn parse(dsn: &str) -> Result<Pairs, String> {
    match dsn.strip_prefix("postgresql://").or_else(|| dsn.strip_prefix("postgres://")) {
        Some(rest) => address(rest),
        None => conninfo(dsn),
    }
}

/// What C's `isspace` has for white space.
pub(crate) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r')
}

fn conninfo(text: &str) -> Result<Pairs, String> {
    let mut pairs = Pairs::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || is_space(c)).unwrap_or(rest.len());
        let (keyword, after) = rest.split_at(end);
        let Some(after) = after.trim_start_matches(is_space).strip_prefix('=') else {
            return Err(format!("pair {} has no \"=\"", pairs.len() + 1));
        };
        let after = after.trim_start_matches(is_space);
        let (value, after) = match after.strip_prefix('\'') {
            Some(quoted) => quoted_value(quoted)?,
            None => plain_value(after),
        };
        pairs.push((keyword.to_owned(), value));
        rest = after.trim_start_matches(is_space);
    }
    Ok(pairs)
}

/// Up to white space; a backslash takes the next character as it is.
fn plain_value(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            _ if is_space(c) => return (value, &text[at..]),
            '\\' => value.extend(chars.next().map(|(_, next)| next)),
            _ => value.push(c),
        }
    }
    (value, "")
}

fn quoted_value(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => return Ok((value, &text[at + 1..])),
            '\\' => value.extend(chars.next().map(|(_, next)| next)),
            _ => value.push(c),
        }
    }
    Err("a quoted value has no closing quote".to_owned())
}

/// `[user[:password]@][host[:port][,...]][/dbname][?keyword=value[&...]]`
fn address(text: &str) -> Result<Pairs, String> {
    let mut pairs = Pairs::new();
    let at = text.find(['@', '/']).filter(|at| text[*at..].starts_with('@'));
    let (user, rest) = at.map_or(("", text), |at| (&text[..at], &text[at + 1..]));
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    push(&mut pairs, "user", decode(user)?);
    push(&mut pairs, "password", decode(password)?);
    let (hosts, ports, after) = host_list(rest)?;
    let (database, query) = match after.strip_prefix('/') {
        Some(after) => after.split_once('?').unwrap_or((after, "")),
        None => ("", after.strip_prefix('?').unwrap_or("")),
    };
    // What follows would be part of the password, taken for a name that is printed and sent.
    if hosts.contains('@') || ports.contains('@') || at.is_none() && database.contains('@') {
        return Err("\"@\" and \"/\" in a user or password must be written as %40 and %2F".to_owned());
    }
    push(&mut pairs, "host", decode(&hosts)?);
    push(&mut pairs, "port", decode(&ports)?);
    push(&mut pairs, "dbname", decode(database)?);
    let mut query = query;
    while !query.is_empty() {
        let (parameter, after) = query.split_once('&').unwrap_or((query, ""));
        pairs.push(query_pair(parameter)?);
        query = after;
    }
    Ok(pairs)
}

fn push(pairs: &mut Pairs, keyword: &str, value: String) {
    if !value.is_empty() {
        pairs.push((keyword.to_owned(), value));
    }
}

/// Hosts and ports, each with all commas, and what follows them.
fn host_list(text: &str) -> Result<(String, String, &str), String> {
    let (mut hosts, mut ports, mut rest) = (String::new(), String::new(), text);
    loop {
        let (host, after) = host(rest)?;
        let (port, after) = match after.strip_prefix(':') {
            Some(after) => until(after, &['/', '?', ',']),
            None => ("", after),
        };
        hosts.push_str(host);
        ports.push_str(port);
        let Some(next) = after.strip_prefix(',') else { return Ok((hosts, ports, after)) };
        hosts.push(',');
        ports.push(',');
        rest = next;
    }
}

/// An IPv6 address stands in brackets.
fn host(text: &str) -> Result<(&str, &str), String> {
    let Some(inside) = text.strip_prefix('[') else {
        return Ok(until(text, &[':', '/', '?', ',']));
    };
    let (host, after) = inside.split_once(']').ok_or("an address in brackets has no \"]\"")?;
    match (host, after.chars().next()) {
        ("", _) => Err("there is no address in the brackets".to_owned()),
        (_, None | Some(':' | '/' | '?' | ',')) => Ok((host, after)),
        _ => Err("after \"]\" only \":port\" may follow".to_owned()),
    }
}

fn until<'t>(text: &'t str, ends: &[char]) -> (&'t str, &'t str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

fn query_pair(parameter: &str) -> Result<(String, String), String> {
    let (keyword, value) = parameter.split_once('=').ok_or("a parameter after \"?\" has no \"=\"")?;
    if value.contains('=') {
        return Err("a parameter after \"?\" has more than one \"=\": write %3D inside values".to_owned());
    }
    match (decode(keyword)?.as_str(), decode(value)?.as_str()) {
        ("ssl", "true") => Ok(("sslmode".to_owned(), "require".to_owned())),
        (keyword, value) => Ok((keyword.to_owned(), value.to_owned())),
    }
}

fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            bytes.push(byte);
            rest = after;
            continue;
        }
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = hex.filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(0) => return Err("%00 is not allowed".to_owned()),
            Some(code) => bytes.push(code),
            None => return Err("after \"%\" two hexadecimal digits must follow".to_owned()),
        }
        rest = &after[2..];
    }
    String::from_utf8(bytes).map_err(|_| "percent-encoded bytes are no UTF-8".to_owned())
}
