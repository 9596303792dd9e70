//! Names and values in the statements that are printed: exact, and harmless to a terminal.

/// Always in quotes: what needs none differs from version to version.
pub(super) fn ident(name: &str) -> String {
    if name.chars().all(|c| !c.is_control()) {
        return format!("\"{}\"", name.replace('"', "\"\""));
    }
    let escaped = |c: char| match c {
        '"' => "\"\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        c if c.is_control() => format!("\\{:04x}", u32::from(c)),
        c => c.to_string(),
    };
    format!("U&\"{}\"", name.chars().map(escaped).collect::<String>())
}

pub(super) fn literal(value: &str) -> String {
    let plain = value.replace('\'', "''");
    if value.contains('\\') { format!("E'{}'", plain.replace('\\', "\\\\")) } else { format!("'{plain}'") }
}

/// The elements of a setting that lists libraries, as the server splits it.
pub(super) fn libraries(setting: &str) -> Vec<String> {
    let (mut found, mut one, mut quoted) = (Vec::new(), String::new(), false);
    for c in setting.chars().chain([',']) {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                let whole = std::mem::take(&mut one);
                found.extend(Some(whole.trim().to_owned()).filter(|name| !name.is_empty()));
            }
            c => one.push(c),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_stay_what_they_are() {
        assert_eq!(ident("app"), "\"app\"");
        assert_eq!(ident("Odd \"Na\\me\""), "\"Odd \"\"Na\\me\"\"\"");
        assert_eq!(ident("a\nb\\\"\u{1b}"), "U&\"a\\000ab\\\\\"\"\\001b\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\b'"), "E'a\\\\b'''");
    }

    #[test]
    fn libraries_are_split_as_the_server_does() {
        assert_eq!(libraries(""), Vec::<String>::new());
        assert_eq!(libraries("a, b"), ["a", "b"]);
        assert_eq!(libraries("\"a, b\",$libdir/c"), ["a, b", "$libdir/c"]);
    }
}
