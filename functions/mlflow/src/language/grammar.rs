//! The grammar of filters: comparisons joined by `AND`.
//!
//! ```text
//! filter     = [ comparison { AND comparison } ]
//! comparison = name operator value | name [NOT] IN list | name IS [NOT] NULL
//! name       = [ word "." ] ( word | quoted )      a word may hold dots; `…` and "…" quote
//! operator   = = != < <= > >= LIKE ILIKE
//! value      = number | '…' | "…"
//! list       = ( text { , text } )
//! ```
//! Words of the language are the same in any case.

use super::Invalid;
use super::filter::Operator;

/// One comparison as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Clause {
    /// The part of the name before the first dot.
    pub(crate) entity: Option<String>,
    /// The part after it, without quotes.
    pub(crate) key: String,
    pub(crate) operator: Operator,
    pub(crate) literal: Literal,
}

/// What a name is compared with, as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Number(f64),
    Text(String),
    List(Vec<String>),
    /// Nothing follows `IS NULL`.
    None,
    /// A word that is neither a number nor quoted.
    Bare(String),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A name, a number or a word of the language: what stands between blanks and signs. Quoted
    /// parts within are kept with their quotes.
    Word(String),
    /// `'…'`, without the quotes.
    Text(String),
    /// A sign of comparison.
    Sign(Operator),
    Open,
    Close,
    Comma,
}

/// The comparisons of a filter; none of an empty one.
pub(crate) fn parse(text: &str) -> Result<Vec<Clause>, Invalid> {
    let tokens = tokens(text)?;
    let mut rest = Tokens {
        all: &tokens,
        filter: text,
    };
    let mut clauses = Vec::new();
    if rest.all.is_empty() {
        return Ok(clauses);
    }
    loop {
        clauses.push(rest.clause()?);
        match rest.next() {
            None => return Ok(clauses),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("and") => {}
            Some(_) => return Err(rest.invalid()),
        }
    }
}

/// A name's parts: what stands before the first dot, and the key without its quotes.
pub(crate) fn name(written: &str) -> (Option<String>, String) {
    let quoted = |part: &str| part.starts_with(['`', '"', '\'']);
    match written.split_once('.') {
        Some((entity, key)) if !quoted(entity) || entity.ends_with(['`', '"']) => {
            (Some(unquoted(entity)), unquoted(key))
        }
        _ => (None, unquoted(written)),
    }
}

fn unquoted(part: &str) -> String {
    let inner = ['`', '"', '\''].into_iter().find_map(|quote| {
        part.strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
    });
    inner.unwrap_or(part).to_owned()
}

struct Tokens<'a> {
    all: &'a [Token],
    filter: &'a str,
}

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Option<&'a Token> {
        let (first, rest) = self.all.split_first()?;
        self.all = rest;
        Some(first)
    }

    /// Takes the next token where it is this word of the language.
    fn word(&mut self, wanted: &str) -> bool {
        let is = matches!(self.all.first(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
        if is {
            self.next();
        }
        is
    }

    fn invalid(&self) -> Invalid {
        Invalid::new(format!(
            "Invalid clause(s) in filter string: '{}'",
            self.filter
        ))
    }

    fn clause(&mut self) -> Result<Clause, Invalid> {
        let Some(Token::Word(written)) = self.next() else {
            return Err(self.invalid());
        };
        let (entity, key) = name(written);
        let (operator, literal) = self.compared()?;
        Ok(Clause {
            entity,
            key,
            operator,
            literal,
        })
    }

    fn compared(&mut self) -> Result<(Operator, Literal), Invalid> {
        if let Some(Token::Sign(operator)) = self.all.first() {
            let operator = *operator;
            self.next();
            return Ok((operator, self.literal()?));
        }
        for (word, operator) in [("like", Operator::Like), ("ilike", Operator::ILike)] {
            if self.word(word) {
                return Ok((operator, self.literal()?));
            }
        }
        if self.word("is") {
            let operator = if self.word("not") {
                Operator::IsNotNull
            } else {
                Operator::IsNull
            };
            return if self.word("null") {
                Ok((operator, Literal::None))
            } else {
                Err(self.invalid())
            };
        }
        let operator = if self.word("not") {
            Operator::NotIn
        } else {
            Operator::In
        };
        if self.word("in") {
            Ok((operator, self.list()?))
        } else {
            Err(self.invalid())
        }
    }

    fn literal(&mut self) -> Result<Literal, Invalid> {
        match self.next() {
            Some(Token::Text(text)) => Ok(Literal::Text(text.clone())),
            Some(Token::Word(word)) => Ok(word_value(word)),
            _ => Err(self.invalid()),
        }
    }

    fn list(&mut self) -> Result<Literal, Invalid> {
        if self.next() != Some(&Token::Open) {
            return Err(self.invalid());
        }
        let mut texts = Vec::new();
        loop {
            match self.literal()? {
                Literal::Text(text) => texts.push(text),
                _ => {
                    return Err(Invalid::new(
                        "While parsing a list in the query, expected string value, punctuation, or whitespace, but got different type in list",
                    ));
                }
            }
            match self.next() {
                Some(Token::Close) => return Ok(Literal::List(texts)),
                Some(Token::Comma) => {}
                _ => return Err(self.invalid()),
            }
        }
    }
}

fn word_value(word: &str) -> Literal {
    if word.len() >= 2 && word.starts_with('"') && word.ends_with('"') {
        return Literal::Text(unquoted(word));
    }
    // Rust also reads `inf` and `nan`, which are words here.
    let numeric = word
        .trim_start_matches(['-', '+'])
        .starts_with(|c: char| c.is_ascii_digit() || c == '.');
    match word.parse() {
        Ok(number) if numeric => Literal::Number(number),
        _ => Literal::Bare(word.to_owned()),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, Invalid> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let token = match letter {
            _ if letter.is_whitespace() => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            ',' => Token::Comma,
            '\'' => Token::Text(quoted(&mut letters, '\'')?),
            '=' => Token::Sign(Operator::Equal),
            '!' if letters.next_if_eq(&'=').is_some() => Token::Sign(Operator::NotEqual),
            '<' if letters.next_if_eq(&'=').is_some() => Token::Sign(Operator::AtMost),
            '<' if letters.next_if_eq(&'>').is_some() => Token::Sign(Operator::NotEqual),
            '<' => Token::Sign(Operator::Less),
            '>' if letters.next_if_eq(&'=').is_some() => Token::Sign(Operator::AtLeast),
            '>' => Token::Sign(Operator::Greater),
            '!' | ';' => {
                return Err(Invalid::new(format!(
                    "Invalid clause(s) in filter string: '{text}'"
                )));
            }
            first => {
                let mut word = String::new();
                let mut next = Some(first);
                while let Some(letter) = next {
                    word.push(letter);
                    if matches!(letter, '`' | '"') {
                        word.push_str(&quoted(&mut letters, letter)?);
                        word.push(letter);
                    }
                    next = letters.next_if(|letter| {
                        !letter.is_whitespace()
                            && !matches!(
                                letter,
                                '(' | ')' | ',' | '\'' | '=' | '!' | '<' | '>' | ';'
                            )
                    });
                }
                Token::Word(word)
            }
        };
        tokens.push(token);
    }
    Ok(tokens)
}

/// The rest of a quoted text. Within single quotes, two of them are one.
fn quoted(
    letters: &mut std::iter::Peekable<std::str::Chars<'_>>,
    quote: char,
) -> Result<String, Invalid> {
    let mut text = String::new();
    loop {
        match letters.next() {
            Some(letter) if letter == quote => {
                if quote == '\'' && letters.next_if_eq(&quote).is_some() {
                    text.push(quote);
                } else {
                    return Ok(text);
                }
            }
            Some(letter) => text.push(letter),
            None => {
                return Err(Invalid::new(format!(
                    "A quote is opened and not closed in the filter string: {quote}{text}"
                )));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clause(text: &str) -> (Option<String>, String, Operator, Literal) {
        let clauses = parse(text).unwrap();
        let [clause] = &clauses[..] else {
            panic!("{text}: {clauses:?}")
        };
        let clause = clause.clone();
        (clause.entity, clause.key, clause.operator, clause.literal)
    }

    #[test]
    fn names_are_read_with_and_without_quotes() {
        for (text, entity, key) in [
            ("metrics.rmse < 1", Some("metrics"), "rmse"),
            ("metrics.a.b < 1", Some("metrics"), "a.b"),
            ("metrics.`test rmse` < 1", Some("metrics"), "test rmse"),
            ("metric.\"a = b\" < 1", Some("metric"), "a = b"),
            (
                "tag.`mlflow.prompt.is_prompt` < 1",
                Some("tag"),
                "mlflow.prompt.is_prompt",
            ),
            ("`a.b` < 1", None, "a.b"),
            ("start_time<1", None, "start_time"),
        ] {
            let (found, name, ..) = clause(text);
            assert_eq!((found.as_deref(), name.as_str()), (entity, key), "{text}");
        }
    }

    #[test]
    fn every_operator_and_value_is_read() {
        let text = |text: &str| Literal::Text(text.to_owned());
        for (written, operator, literal) in [
            ("a = 'x'", Operator::Equal, text("x")),
            ("a='it''s'", Operator::Equal, text("it's")),
            ("a != \"x\"", Operator::NotEqual, text("x")),
            ("a <= -1.5e3", Operator::AtMost, Literal::Number(-1_500.0)),
            ("a>=.5", Operator::AtLeast, Literal::Number(0.5)),
            (
                "a > inf",
                Operator::Greater,
                Literal::Bare("inf".to_owned()),
            ),
            ("a like '%x'", Operator::Like, text("%x")),
            ("a ILIKE 'x_'", Operator::ILike, text("x_")),
            (
                "a In ('x', \"y\")",
                Operator::In,
                Literal::List(vec!["x".to_owned(), "y".to_owned()]),
            ),
            (
                "a not in('x')",
                Operator::NotIn,
                Literal::List(vec!["x".to_owned()]),
            ),
            ("a IS NULL", Operator::IsNull, Literal::None),
            ("a is not null", Operator::IsNotNull, Literal::None),
        ] {
            let (_, _, found, value) = clause(written);
            assert_eq!((found, value), (operator, literal), "{written}");
        }
    }

    #[test]
    fn clauses_are_joined_by_and_only() {
        assert_eq!(parse("  ").unwrap(), vec![]);
        assert_eq!(
            parse("a = 1 AND b.c LIKE 'and' and d < 2").unwrap().len(),
            3
        );
        for text in [
            "a",
            "a =",
            "= 1",
            "a = 1 AND",
            "a = 1 OR b = 2",
            "a = 1 b = 2",
            "a ! 1",
            "a = 'x",
            "a IN 'x'",
            "a IN ()",
            "a IN ('x'",
            "a IN (1)",
            "a IS 1",
            "a = 1; b = 2",
            "AND",
            "a = )",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_written_breaks_it(text: String, near in "[a.`\"'=<>!(), ANDIN1-]{0,24}") {
            let _ = parse(&text);
            let _ = parse(&near);
        }

        #[test]
        fn quoted_texts_come_back(text in "[^'`\"\\\\]{0,20}") {
            let (_, _, _, literal) = clause(&format!("params.x = '{text}'"));
            prop_assert_eq!(literal, Literal::Text(text));
        }
    }
}
