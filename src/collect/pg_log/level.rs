//! How grave an entry is, and the words for it in the languages that servers come with.

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// In a language that we do not know.
    #[default]
    Unknown,
    Debug,
    Log,
    Info,
    Notice,
    Warning,
    Error,
    Fatal,
    Panic,
}

/// What else an entry has lines of its own for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Detail,
    Hint,
    Query,
    Context,
    Statement,
    /// Of the server's source: nothing that travels.
    Place,
}

impl Level {
    pub(super) const ALL: [(Level, &'static str); 9] = [
        (Level::Unknown, "unknown"),
        (Level::Debug, "debug"),
        (Level::Log, "log"),
        (Level::Info, "info"),
        (Level::Notice, "notice"),
        (Level::Warning, "warning"),
        (Level::Error, "error"),
        (Level::Fatal, "fatal"),
        (Level::Panic, "panic"),
    ];

    pub(super) fn name(self) -> &'static str {
        Level::ALL[self as usize].1
    }

    /// The level that a word means. English first: most servers log in it.
    pub(super) fn of(word: &[u8]) -> Option<Level> {
        let english = match word {
            b"LOG" => Some(Level::Log),
            b"ERROR" => Some(Level::Error),
            b"FATAL" => Some(Level::Fatal),
            b"WARNING" => Some(Level::Warning),
            b"INFO" => Some(Level::Info),
            b"NOTICE" => Some(Level::Notice),
            b"PANIC" => Some(Level::Panic),
            b"DEBUG" | b"DEBUG1" | b"DEBUG2" | b"DEBUG3" | b"DEBUG4" | b"DEBUG5" => Some(Level::Debug),
            _ => None,
        };
        let known = |(_, words): &&(Level, &[&str])| words.iter().any(|known| known.as_bytes() == word);
        english.or_else(|| WORDS.iter().find(known).map(|(level, _)| *level))
    }
}

impl Field {
    /// What a line begins with that goes on with an entry, and how long that beginning is.
    pub(super) fn at_start(line: &[u8]) -> Option<(Field, usize)> {
        const ENGLISH: [(&str, Field); 7] = [
            ("STATEMENT:  ", Field::Statement),
            ("DETAIL:  ", Field::Detail),
            ("HINT:  ", Field::Hint),
            ("CONTEXT:  ", Field::Context),
            ("QUERY:  ", Field::Query),
            ("LOCATION:  ", Field::Place),
            ("BACKTRACE:  ", Field::Place),
        ];
        let english = ENGLISH.iter().find(|(word, _)| line.starts_with(word.as_bytes()));
        if let Some((word, field)) = english {
            return Some((*field, word.len()));
        }
        // No English level has a field's name; what is no level either may be one of another language.
        FIELDS.iter().find_map(|(field, words)| {
            let word = words.iter().find(|word| line.starts_with(word.as_bytes()))?;
            Some((*field, word.len()))
        })
    }
}

const WORDS: &[(Level, &[&str])] = &[
    (Level::Debug, &["НАЛАГОДЖЕННЯ", "ОТЛАДКА", "გამართვა", "调试", "디버그", "デバッグ"]),
    (
        Level::Log,
        &["LOGG", "DZIENNIK", "LOGLAR", "ЗАПИСУВАННЯ", "СООБЩЕНИЕ", "ჟურნალი", "日志", "로그", "ログ"],
    ),
    (Level::Info, &["ІНФОРМАЦІЯ", "ИНФОРМАЦИЯ", "ინფორმაცია", "信息", "정보", "情報"]),
    (
        Level::Notice,
        &[
            "HINWEIS",
            "NOTIFICA",
            "NOTIS",
            "NOTIFICAÇÃO",
            "UWAGA",
            "ЗАМЕЧАНИЕ",
            "ПОВІДОМЛЕННЯ",
            "注意",
            "알림",
            "NOTIFICACIÓN",
        ],
    ),
    (
        Level::Warning,
        &[
            "ATTENTION",
            "ATTENZIONE",
            "ADVERTENCIA",
            "AVISO",
            "OSTRZEŻENIE",
            "UYARI",
            "VARNING",
            "WARNUNG",
            "ПОПЕРЕДЖЕННЯ",
            "ПРЕДУПРЕЖДЕНИЕ",
            "გაფრთხილება",
            "警告",
            "경고",
        ],
    ),
    (
        Level::Error,
        &[
            "ERREUR",
            "ERRORE",
            "ERRO",
            "FEHLER",
            "FEL",
            "BŁĄD",
            "HATA",
            "CHYBA",
            "ОШИБКА",
            "ПОМИЛКА",
            "შეცდომა",
            "错误",
            "오류",
            "エラー",
            "錯誤",
        ],
    ),
    (
        Level::Fatal,
        &[
            "FATALE",
            "FATALT",
            "KATASTROFALNY",
            "ÖLÜMCÜL (FATAL)",
            "ВАЖНО",
            "ФАТАЛЬНО",
            "ფატალური",
            "致命错误",
            "치명적오류",
            "致命的エラー",
        ],
    ),
    (
        Level::Panic,
        &[
            "PANICO",
            "PANIK",
            "PÂNICO",
            "PANIKA",
            "ПАНІКА",
            "ПАНИКА",
            "პანიკა",
            "比致命错误还过分的错误",
            "손상",
            "パニック",
        ],
    ),
];

const FIELDS: &[(Field, &[&str])] = &[
    (
        Field::Detail,
        &[
            "DETALJ:  ",
            "DETALLE:  ",
            "DETTAGLI:  ",
            "DETALHE:  ",
            "DÉTAIL:  ",
            "SZCZEGÓŁY:  ",
            "AYRINTI:  ",
            "ВІДОМОСТІ:  ",
            "ПОДРОБНОСТИ:  ",
            "დეტალები:  ",
            "詳細:  ",
            "详细信息:  ",
            "상세정보:  ",
        ],
    ),
    (
        Field::Hint,
        &[
            "ASTUCE :  ",
            "ASTUCE : ",
            "SUGGERIMENTO:  ",
            "SUGERENCIA:  ",
            "DICA:  ",
            "TIPP:  ",
            "TIPS:  ",
            "PODPOWIEDŹ:  ",
            "İPUCU:  ",
            "ПОДСКАЗКА:  ",
            "УКАЗІВКА:  ",
            "მინიშნება:  ",
            "ヒント:  ",
            "提示:  ",
            "힌트:  ",
        ],
    ),
    (
        Field::Query,
        &[
            "ANFRAGE:  ",
            "CONSULTA:  ",
            "FRÅGA:  ",
            "REQUÊTE :  ",
            "ZAPYTANIE:  ",
            "SORGU:  ",
            "ЗАПИТ:  ",
            "ЗАПРОС:  ",
            "მოთხოვნა:  ",
            "問い合わせ:  ",
            "查询:  ",
            "쿼리:",
        ],
    ),
    (
        Field::Context,
        &[
            "CONTESTO:  ",
            "CONTEXTE :  ",
            "CONTEXTO:  ",
            "KONTEXT:  ",
            "KONTEKST:  ",
            "ORTAM:  ",
            "ZUSAMMENHANG:  ",
            "КОНТЕКСТ:  ",
            "კონტექსტი:  ",
            "上下文:  ",
            "文脈:  ",
            "내용:  ",
        ],
    ),
    (
        Field::Statement,
        &[
            "ANWEISUNG:  ",
            "INSTRUCTION :  ",
            "ISTRUZIONE:  ",
            "COMANDO:  ",
            "SATS:  ",
            "SENTENCIA:  ",
            "POLECENIE:  ",
            "KOMUT:  ",
            "ІНСТРУКЦІЯ:  ",
            "ОПЕРАТОР:  ",
            "ოპერატორი:  ",
            "文:  ",
            "语句:  ",
            "명령 구문:  ",
        ],
    ),
    (
        Field::Place,
        &[
            "EMPLACEMENT :  ",
            "ORT:  ",
            "PLATS:  ",
            "POSIZIONE:  ",
            "UBICACIÓN:  ",
            "LOCAL:  ",
            "LOKALIZACJA:  ",
            "ПОЛОЖЕНИЕ: ",
            "РОЗТАШУВАННЯ:  ",
            "位置:  ",
            "場所:  ",
            "위치: ",
            "PILE D'APPEL : ",
            "ВІДСТЕЖУВАТИ:  ",
            "СТЕК:  ",
            "バックトレース:  ",
            "역추적:  ",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_known_in_the_languages_that_servers_speak() {
        for (word, level) in [
            ("LOG", Level::Log),
            ("DEBUG5", Level::Debug),
            ("FEHLER", Level::Error),
            ("ОШИБКА", Level::Error),
            ("致命错误", Level::Fatal),
            ("WARNUNG", Level::Warning),
        ] {
            assert_eq!(Level::of(word.as_bytes()), Some(level), "{word}");
        }
        assert_eq!(Level::of(b"DETAIL"), None);
        assert_eq!(Level::of(b"HUPSAR"), None);
        assert!(Level::ALL.iter().enumerate().all(|(n, (level, _))| *level as usize == n));
    }

    #[test]
    fn fields_are_known_by_what_lines_begin_with() {
        assert_eq!(Field::at_start(b"DETAIL:  Key"), Some((Field::Detail, 9)));
        assert_eq!(Field::at_start("ANWEISUNG:  select".as_bytes()), Some((Field::Statement, 12)));
        assert_eq!(Field::at_start(b"ERROR:  DETAIL:  x"), None);
    }
}
