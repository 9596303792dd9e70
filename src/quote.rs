//! Names, values and sentences on their way to a person: exact in a statement, and harmless to a terminal.
//!
//! What a database holds may be made to deceive: a control character acts on the terminal, an invisible one or one that
//! turns the direction makes a name look like another.

/// Nothing that one would see, or that changes how what follows is seen.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0xad | 0x61c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff
            | 0xfff9..=0xfffb | 0xe0000..=0xe007f)
}

/// For the eye alone: on one line, and nothing of it acts.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if is_hidden(c) { ' ' } else { c }).collect()
}

/// Always in quotes: what needs none differs from version to version.
pub fn ident(name: &str) -> String {
    if !name.chars().any(is_hidden) {
        return format!("\"{}\"", name.replace('"', "\"\""));
    }
    let escaped = |c: char| match c {
        '"' => "\"\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        c if is_hidden(c) && u32::from(c) > 0xffff => format!("\\+{:06x}", u32::from(c)),
        c if is_hidden(c) => format!("\\{:04x}", u32::from(c)),
        c => c.to_string(),
    };
    format!("U&\"{}\"", name.chars().map(escaped).collect::<String>())
}

pub fn literal(value: &str) -> String {
    if !value.chars().any(|c| c == '\\' || is_hidden(c)) {
        return format!("'{}'", value.replace('\'', "''"));
    }
    let escaped = |c: char| match c {
        '\'' => "''".to_owned(),
        '\\' => "\\\\".to_owned(),
        c if is_hidden(c) => format!("\\U{:08x}", u32::from(c)),
        c => c.to_string(),
    };
    format!("E'{}'", value.chars().map(escaped).collect::<String>())
}

/// The elements of a setting that lists libraries, as the server splits it.
pub fn libraries(setting: &str) -> Vec<String> {
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
        assert_eq!(ident("a\u{202e}b\u{e0041}"), "U&\"a\\202eb\\+0e0041\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\b'"), "E'a\\\\b'''");
        assert_eq!(literal("a\u{1b}'"), "E'a\\U0000001b'''");
    }

    #[test]
    fn libraries_are_split_as_the_server_does() {
        assert_eq!(libraries(""), Vec::<String>::new());
        assert_eq!(libraries("a, b"), ["a", "b"]);
        assert_eq!(libraries("\"a, b\",$libdir/c"), ["a, b", "$libdir/c"]);
    }
}
