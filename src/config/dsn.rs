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

fn conninfo(text: &str) -> Result<Pairs, String> {
    let mut pairs = Pairs::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_ascii_whitespace()).unwrap_or(rest.len());
        let (keyword, after) = rest.split_at(end);
        let Some(after) = after.trim_start().strip_prefix('=') else {
            return Err(format!("pair {} has no \"=\"", pairs.len() + 1));
        };
        let after = after.trim_start();
        let (value, after) = match after.strip_prefix('\'') {
            Some(quoted) => quoted_value(quoted)?,
            None => plain_value(after),
        };
        pairs.push((keyword.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(pairs)
}

/// Up to white space; a backslash takes the next character as it is.
fn plain_value(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c.is_ascii_whitespace() => return (value, &text[at..]),
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
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, database) = rest.split_once('/').unwrap_or((rest, ""));
    // What follows would be part of the password, taken for a name that is printed and sent.
    if hosts.contains('@') || at.is_none() && database.contains('@') {
        return Err("\"@\" and \"/\" in a user or password must be written as %40 and %2F".to_owned());
    }
    host_list(hosts, &mut pairs)?;
    push(&mut pairs, "dbname", decode(database)?);
    let query = query.strip_suffix('&').unwrap_or(query);
    for parameter in query.split('&').filter(|_| !query.is_empty()) {
        pairs.push(query_pair(parameter)?);
    }
    Ok(pairs)
}

fn push(pairs: &mut Pairs, keyword: &str, value: String) {
    if !value.is_empty() {
        pairs.push((keyword.to_owned(), value));
    }
}

fn host_list(text: &str, pairs: &mut Pairs) -> Result<(), String> {
    let mut hosts = Vec::new();
    let mut ports = Vec::new();
    for entry in text.split(',') {
        let (host, port) = host_and_port(entry)?;
        hosts.push(decode(host)?);
        ports.push(decode(port)?);
    }
    if hosts.iter().any(|host| !host.is_empty()) {
        pairs.push(("host".to_owned(), hosts.join(",")));
    }
    if ports.iter().any(|port| !port.is_empty()) {
        pairs.push(("port".to_owned(), ports.join(",")));
    }
    Ok(())
}

/// An IPv6 address stands in brackets.
fn host_and_port(entry: &str) -> Result<(&str, &str), String> {
    let Some(inside) = entry.strip_prefix('[') else {
        return Ok(entry.split_once(':').unwrap_or((entry, "")));
    };
    let (host, after) = inside.split_once(']').ok_or("an address in brackets has no \"]\"")?;
    match after.strip_prefix(':') {
        Some(port) => Ok((host, port)),
        None if after.is_empty() => Ok((host, "")),
        None => Err("after \"]\" only \":port\" may follow".to_owned()),
    }
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
