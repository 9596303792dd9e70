//! What a handler says of itself.

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::permission::{Action, Who as Role, allowed};

/// Puts a type's shape among those of the document, and says where it is.
pub type Shape = fn(&mut SchemaGenerator) -> Schema;

pub struct Operation {
    /// One line.
    pub about: &'static str,
    /// What one has to know besides.
    pub more: &'static str,
    pub who: Who,
    /// An object whose fields are the parameters.
    pub query: Option<Shape>,
    /// Headers that it reads, and what they do.
    pub headers: &'static [(&'static str, &'static str)],
    pub body: Option<Takes>,
    pub answers: &'static [Answer],
    /// Statuses that it refuses with, besides those that [`super::document`] derives from all the above.
    pub refusals: &'static [u16],
}

impl Operation {
    /// For what each of them has to say of its own.
    pub const ANY: Operation = Operation {
        about: "",
        more: "",
        who: Who::Anyone,
        query: None,
        headers: &[],
        body: None,
        answers: &[],
        refusals: &[],
    };
}

#[derive(Clone, Copy)]
pub enum Who {
    Anyone,
    /// Who knows the registration secret.
    Registering,
    /// Who has the scrape token, or asks from the same host.
    Scraping,
    /// By the table of permissions.
    May(Action),
    /// By the same table, but no collector.
    Person(Action),
    /// A collector whose token counts, or ended not long ago.
    Lapsed,
}

impl Who {
    /// Whose tokens are let in; nobody's where none is asked for.
    pub fn roles(self) -> Vec<Role> {
        const ALL: [Role; 4] = [Role::Admin, Role::User, Role::Viewer, Role::Collector];
        let fits = |role: &Role| match self {
            Who::Anyone | Who::Registering | Who::Scraping => false,
            Who::May(action) => allowed(*role, action),
            Who::Person(action) => *role != Role::Collector && allowed(*role, action),
            Who::Lapsed => *role == Role::Collector,
        };
        ALL.into_iter().filter(fits).collect()
    }
}

#[derive(Clone, Copy)]
pub struct Takes {
    pub media: &'static str,
    pub shape: Shape,
    /// One that is taken.
    pub example: &'static str,
    /// What documents call the file that holds it, where it is too long for a command line.
    pub file: Option<&'static str>,
}

impl Takes {
    pub const fn json<T: JsonSchema>(example: &'static str) -> Takes {
        Takes { media: "application/json", shape: SchemaGenerator::subschema_for::<T>, example, file: None }
    }

    pub const fn in_file(self, name: &'static str) -> Takes {
        Takes { file: Some(name), ..self }
    }
}

pub struct Answer {
    pub status: u16,
    pub about: &'static str,
    pub content: Content,
    pub headers: &'static [(&'static str, &'static str)],
}

pub enum Content {
    Nothing,
    Json(Shape),
    /// Text of this media type.
    Text(&'static str),
}

impl Answer {
    pub const fn json<T: JsonSchema>(status: u16, about: &'static str) -> Answer {
        Answer::of(status, about, Content::Json(SchemaGenerator::subschema_for::<T>))
    }

    pub const fn text(media: &'static str, about: &'static str) -> Answer {
        Answer::of(200, about, Content::Text(media))
    }

    pub const fn nothing(status: u16, about: &'static str) -> Answer {
        Answer::of(status, about, Content::Nothing)
    }

    pub const fn with(self, headers: &'static [(&'static str, &'static str)]) -> Answer {
        Answer { headers, ..self }
    }

    const fn of(status: u16, about: &'static str, content: Content) -> Answer {
        Answer { status, about, content, headers: &[] }
    }
}
