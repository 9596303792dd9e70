//! Values without quotes of their own: of settings, where SQL takes a name for one, and passwords that somebody typed
//! without quotes, or with those of a name. Statements that can hold either are known by their first words.

use super::lex::Kind;
use crate::config::is_space;

/// What a piece is, by the statement around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bare {
    /// What it looks like.
    No,
    /// A value begins with it.
    Begins,
    /// It belongs to that value.
    Inside,
}

/// The statement that the text is in.
#[derive(Default)]
pub(super) struct Statement {
    form: Form,
    at: At,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Form {
    #[default]
    Begins,
    /// `create` or `alter` of what comes next.
    Makes,
    /// May set a setting.
    Sets,
    /// The same, and may set a password.
    OfRole,
    Other,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum At {
    #[default]
    Elsewhere,
    /// Behind `set`.
    Setting,
    /// Behind `=` or `to`.
    Value,
    Password,
    /// In a value, up to the next semicolon.
    Hidden,
    /// In a password: nobody knows where it ends.
    HiddenToTheEnd,
}

impl Statement {
    pub(super) fn next(&mut self, kind: Kind, piece: &str) -> Bare {
        let ends = piece == ";" && self.at != At::HiddenToTheEnd;
        match self.at {
            _ if ends => {}
            At::Hidden | At::HiddenToTheEnd => return Bare::Inside,
            _ if kind == Kind::Comment || piece.trim_matches(is_space).is_empty() => return Bare::No,
            _ => {}
        }
        if ends {
            *self = Statement::default();
            return Bare::No;
        }
        let word = if kind == Kind::Word { piece.to_ascii_lowercase() } else { String::new() };
        match self.at {
            At::Value if !is_harmless(kind, piece, &word) => self.hide(At::Hidden),
            At::Value => Bare::No,
            At::Password if kind == Kind::String || word == "null" || is_parameter(piece) => {
                self.at = At::Elsewhere;
                Bare::No
            }
            At::Password => self.hide(At::HiddenToTheEnd),
            _ => {
                self.read(piece, &word);
                Bare::No
            }
        }
    }

    fn hide(&mut self, at: At) -> Bare {
        self.at = at;
        Bare::Begins
    }

    fn read(&mut self, piece: &str, word: &str) {
        self.at = match (self.form, self.at, word) {
            (Form::Sets | Form::OfRole, At::Setting, _) if piece == "=" || word == "to" => At::Value,
            (Form::Sets | Form::OfRole | Form::Begins, _, "set") => At::Setting,
            (Form::OfRole, _, "password") => At::Password,
            (_, at, _) => at,
        };
        self.form = match (self.form, word) {
            (Form::Begins, "set") => Form::Sets,
            (Form::Begins, "create" | "alter") | (Form::Makes, "or" | "replace") => Form::Makes,
            (Form::Makes, "role" | "user" | "group") => Form::OfRole,
            (Form::Makes, "database" | "system" | "function" | "procedure" | "routine") => Form::Sets,
            (Form::Begins | Form::Makes, _) => Form::Other,
            (form, _) => form,
        };
    }
}

/// Shown as it is, or a literal that is masked as any other.
fn is_harmless(kind: Kind, piece: &str, word: &str) -> bool {
    let switch = matches!(word, "on" | "off" | "true" | "false" | "default");
    let between = matches!(piece, "," | "-" | "+");
    matches!(kind, Kind::String | Kind::Number) || switch || between || is_parameter(piece)
}

fn is_parameter(piece: &str) -> bool {
    piece.len() > 1 && piece.starts_with('$')
}
