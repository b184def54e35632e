//! What a GraphQL query selects: names within names. Arguments, directives and types are passed over,
//! as every question here has one input, and fragments on a type are taken as if they were written
//! out.

/// How deep selections are read.
const DEPTH_MAX: usize = 32;

/// A field that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selection {
    /// The field.
    pub(super) name: String,
    /// The name it is answered under, where that is another.
    alias: Option<String>,
    /// What is asked of it.
    pub(super) within: Vec<Selection>,
}

impl Selection {
    /// The name it is answered under.
    pub(super) fn answer_name(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.name)
    }
}

/// The fields of a query; none where it is not one.
pub(super) fn parse(query: &str) -> Option<Vec<Selection>> {
    let tokens = tokens(query)?;
    let mut rest = tokens.as_slice();
    // Name, variables and directives of the operation, up to its fields.
    loop {
        match rest.split_first()? {
            (Token::Open('{'), fields) => {
                rest = fields;
                return selections(&mut rest, 0);
            }
            (Token::Open('('), inside) => rest = behind(inside)?,
            (_, after) => rest = after,
        }
    }
}

#[derive(Debug, PartialEq)]
enum Token {
    Word(String),
    /// `{`, `(` or `[`.
    Open(char),
    /// `}`, `)` or `]`.
    Close(char),
    Colon,
    At,
    Spread,
    /// What only occurs in what is passed over.
    Other,
}

fn tokens(query: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut letters = query.chars().peekable();
    while let Some(letter) = letters.next() {
        tokens.push(match letter {
            '{' | '(' | '[' => Token::Open(letter),
            '}' | ')' | ']' => Token::Close(letter),
            ':' => Token::Colon,
            '@' => Token::At,
            '#' => {
                while letters.next_if(|letter| *letter != '\n').is_some() {}
                continue;
            }
            '.' => {
                letters.next_if_eq(&'.')?;
                letters.next_if_eq(&'.')?;
                Token::Spread
            }
            '"' => {
                loop {
                    match letters.next()? {
                        '"' => break,
                        '\\' => drop(letters.next()?),
                        _ => {}
                    }
                }
                Token::Other
            }
            _ if letter.is_whitespace() || letter == ',' => continue,
            _ if letter.is_alphanumeric() || letter == '_' => {
                let mut word = String::from(letter);
                while let Some(letter) = letters.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    word.push(letter);
                }
                Token::Word(word)
            }
            _ => Token::Other,
        });
    }
    Some(tokens)
}

/// What follows the bracket that was opened.
fn behind(inside: &[Token]) -> Option<&[Token]> {
    let mut open = 1_usize;
    let mut rest = inside;
    while open > 0 {
        let (first, after) = rest.split_first()?;
        match first {
            Token::Open(_) => open += 1,
            Token::Close(_) => open -= 1,
            _ => {}
        }
        rest = after;
    }
    Some(rest)
}

/// The fields up to the bracket that closes them.
fn selections(rest: &mut &[Token], depth: usize) -> Option<Vec<Selection>> {
    if depth > DEPTH_MAX {
        return None;
    }
    let mut fields = Vec::new();
    loop {
        let (first, after) = rest.split_first()?;
        *rest = after;
        match first {
            Token::Close('}') => return Some(fields),
            Token::Spread => {
                // `... on Type`
                while let Some((Token::Word(_), after)) = rest.split_first() {
                    *rest = after;
                }
                fields.extend(inner(rest, depth)?);
            }
            Token::Word(word) => {
                let (mut name, mut alias) = (word.clone(), None);
                if let [Token::Colon, Token::Word(field), after @ ..] = *rest {
                    alias = Some(std::mem::replace(&mut name, field.clone()));
                    *rest = after;
                }
                fields.push(Selection {
                    name,
                    alias,
                    within: inner(rest, depth)?,
                });
            }
            _ => return None,
        }
    }
}

/// What is asked of a field, behind its arguments and directives.
fn inner(rest: &mut &[Token], depth: usize) -> Option<Vec<Selection>> {
    loop {
        match *rest {
            [Token::Open('('), inside @ ..] => *rest = behind(inside)?,
            [Token::At, Token::Word(_), after @ ..] => *rest = after,
            [Token::Open('{'), fields @ ..] => {
                *rest = fields;
                return selections(rest, depth + 1);
            }
            _ => return Some(Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(fields: &[Selection]) -> String {
        let fields = fields.iter().map(|field| match field.within.is_empty() {
            true => field.name.clone(),
            false => format!("{}({})", field.name, shown(&field.within)),
        });
        fields.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn selections_are_read_and_the_rest_is_passed_over() {
        for (query, expected) in [
            ("{ a }", "a"),
            ("query Q { a { b c } d }", "a(b c) d"),
            (
                "query Q($x: [I!] = {y: 1}) @c(n: \"} {\") { f(input: $x, n: {a: 1}) @s { b } }",
                "f(b)",
            ),
            ("{ a { ... on T { b } c # no } \n } }", "a(b c)"),
        ] {
            assert_eq!(shown(&parse(query).unwrap()), expected, "{query}");
        }
        let aliased = parse("{ x: a }").unwrap();
        assert_eq!(
            (aliased[0].name.as_str(), aliased[0].answer_name()),
            ("a", "x")
        );
        for query in [
            "",
            "{",
            "{ a",
            "{ a { }",
            "{ ( }",
            "{ . }",
            "{ \"",
            &"{a".repeat(99),
        ] {
            assert!(parse(query).is_none(), "{query}");
        }
    }
}
