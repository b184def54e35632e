//! The grammar of filters and orders. Keywords may be in any case.
//!
//! ```text
//! filter     = [ comparison { AND comparison } ]
//! comparison = name operator value | name [NOT] IN list | name IS [NOT] NULL
//! order      = name [ ASC | DESC ]
//! name       = [ word "." ] ( word | quoted )      a word may contain dots; `…`, "…" and '…' quote
//! operator   = = != <> < <= > >= LIKE ILIKE
//! value      = number | '…' | "…"
//! list       = ( text { , text } )
//! ```

use winnow::ascii::{Caseless, multispace0, multispace1};
use winnow::combinator::{
    alt, delimited, eof, not, opt, peek, preceded, repeat, separated, terminated,
};
use winnow::prelude::*;
use winnow::token::{any, none_of, take_while};

use super::Invalid;
use super::terms::{Operand, Operator};

/// A name: the part before the first dot, if there is one, and the key without quotes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Name {
    pub(super) entity: Option<String>,
    pub(super) key: String,
}

/// A comparison as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clause {
    pub(super) name: Name,
    pub(super) operator: Operator,
    pub(super) operand: Operand,
}

pub(super) fn parse_filter(text: &str) -> Result<Vec<Clause>, Invalid> {
    let and = (multispace0, Caseless("and"), multispace0);
    let clauses = separated(0.., clause, and);
    delimited(multispace0, clauses, (multispace0, eof))
        .parse(text)
        .map_err(|_| Invalid::new(format!("Invalid clause(s) in filter string: '{text}'")))
}

/// A name and whether the order is descending.
pub(super) fn parse_order(text: &str) -> Result<(Name, bool), Invalid> {
    let direction = alt((Caseless("asc").value(false), Caseless("desc").value(true)));
    let direction = opt(preceded(multispace1, direction)).map(|it| it.unwrap_or(false));
    // The one name that is written with a space and without quotes.
    let spaced = Caseless("run name").map(|key: &str| Name {
        entity: None,
        key: key.to_owned(),
    });
    delimited(
        multispace0,
        (alt((spaced, name)), direction),
        (multispace0, eof),
    )
    .parse(text)
    .map_err(|_| Invalid::new(format!("Invalid order_by clause '{text}'")))
}

fn clause(input: &mut &str) -> ModalResult<Clause> {
    let (name, _, (operator, operand)) = (name, multispace0, compared).parse_next(input)?;
    Ok(Clause {
        name,
        operator,
        operand,
    })
}

fn name(input: &mut &str) -> ModalResult<Name> {
    let entity = alt((
        take_while(1.., |c: char| c.is_ascii_alphabetic() || c == '_').map(str::to_owned),
        quoted('`'),
        quoted('"'),
    ));
    let entity = opt(terminated(entity, '.')).parse_next(input)?;
    let mut key = alt((
        quoted('`'),
        quoted('"'),
        quoted('\''),
        word.map(str::to_owned),
    ));
    let key = key.parse_next(input)?;
    Ok(Name { entity, key })
}

fn compared(input: &mut &str) -> ModalResult<(Operator, Operand)> {
    let sign = alt((
        "!=".value(Operator::NotEqual),
        "<>".value(Operator::NotEqual),
        "<=".value(Operator::AtMost),
        ">=".value(Operator::AtLeast),
        "=".value(Operator::Equal),
        "<".value(Operator::Less),
        ">".value(Operator::Greater),
        keyword("like").value(Operator::Like),
        keyword("ilike").value(Operator::ILike),
    ));
    let within = alt((
        keyword("in").value(Operator::In),
        (keyword("not"), multispace1, keyword("in")).value(Operator::NotIn),
    ));
    let null = alt((
        (keyword("is"), multispace1, keyword("null")).value(Operator::IsNull),
        (
            keyword("is"),
            multispace1,
            keyword("not"),
            multispace1,
            keyword("null"),
        )
            .value(Operator::IsNotNull),
    ));
    let comma = (multispace0, ',', multispace0);
    let list = delimited(
        ('(', multispace0),
        separated(1.., text, comma),
        // A tuple of one, as Python writes it.
        (multispace0, opt((',', multispace0)), ')'),
    );
    alt((
        (
            sign,
            preceded(multispace0, alt((text.map(Operand::Text), number))),
        ),
        (within, preceded(multispace0, list.map(Operand::List))),
        null.map(|operator| (operator, Operand::None)),
    ))
    .parse_next(input)
}

/// A keyword that is not the beginning of a longer word.
fn keyword<'a>(
    word: &'static str,
) -> impl Parser<&'a str, &'a str, winnow::error::ErrMode<winnow::error::ContextError>> {
    terminated(Caseless(word), not(any.verify(|c: &char| is_word(*c))))
}

fn is_word(c: char) -> bool {
    !c.is_whitespace() && !"(),'\"`=!<>;".contains(c)
}

fn word<'a>(input: &mut &'a str) -> ModalResult<&'a str> {
    take_while(1.., is_word).parse_next(input)
}

fn quoted<'a>(
    quote: char,
) -> impl Parser<&'a str, String, winnow::error::ErrMode<winnow::error::ContextError>> {
    delimited(quote, take_while(0.., move |c| c != quote), quote).map(str::to_owned)
}

/// `'…'`, in which two quotes stand for one, or `"…"`.
fn text(input: &mut &str) -> ModalResult<String> {
    let single = repeat(0.., alt((none_of('\''), "''".value('\''))));
    alt((delimited('\'', single, '\''), quoted('"'))).parse_next(input)
}

fn number(input: &mut &str) -> ModalResult<Operand> {
    // Rust also parses `inf` and `nan`, which are not numbers here.
    let begins = peek((
        opt(alt(('-', '+'))),
        any.verify(|c: &char| c.is_ascii_digit() || *c == '.'),
    ));
    preceded(begins, word)
        .verify_map(|word| word.parse().ok().map(Operand::Number))
        .parse_next(input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clause(text: &str) -> Clause {
        let clauses = parse_filter(text).unwrap();
        assert_eq!(clauses.len(), 1, "{text}");
        clauses[0].clone()
    }

    #[test]
    fn names_are_read_with_and_without_quotes() {
        for (text, entity, key) in [
            ("metrics.rmse < 1", Some("metrics"), "rmse"),
            ("metrics.a.b < 1", Some("metrics"), "a.b"),
            ("metrics.`test rmse` < 1", Some("metrics"), "test rmse"),
            ("metrics.'val loss' < 1", Some("metrics"), "val loss"),
            ("metric.\"a = b\" < 1", Some("metric"), "a = b"),
            (
                "tag.`mlflow.prompt.is_prompt` < 1",
                Some("tag"),
                "mlflow.prompt.is_prompt",
            ),
            ("`a.b` < 1", None, "a.b"),
            ("start_time<1", None, "start_time"),
        ] {
            let Name {
                entity: found,
                key: name,
            } = clause(text).name;
            assert_eq!((found.as_deref(), name.as_str()), (entity, key), "{text}");
        }
    }

    #[test]
    fn every_operator_and_value_is_read() {
        let text = |text: &str| Operand::Text(text.to_owned());
        let list =
            |texts: &[&str]| Operand::List(texts.iter().map(|text| (*text).to_owned()).collect());
        for (written, operator, operand) in [
            ("a = 'x'", Operator::Equal, text("x")),
            ("a='it''s'", Operator::Equal, text("it's")),
            ("a != \"x\"", Operator::NotEqual, text("x")),
            ("a <> ''", Operator::NotEqual, text("")),
            ("a <= -1.5e3", Operator::AtMost, Operand::Number(-1_500.0)),
            ("a>=.5", Operator::AtLeast, Operand::Number(0.5)),
            ("a like '%x'", Operator::Like, text("%x")),
            ("a ILIKE 'x_'", Operator::ILike, text("x_")),
            ("a In ('x', \"y\")", Operator::In, list(&["x", "y"])),
            ("a not in('x')", Operator::NotIn, list(&["x"])),
            ("a IN ('x',)", Operator::In, list(&["x"])),
            ("a IN ('x', 'y' , )", Operator::In, list(&["x", "y"])),
            ("a IS NULL", Operator::IsNull, Operand::None),
            ("a is not null", Operator::IsNotNull, Operand::None),
        ] {
            let found = clause(written);
            assert_eq!(
                (found.operator, found.operand),
                (operator, operand),
                "{written}"
            );
        }
    }

    #[test]
    fn clauses_are_joined_by_and_only() {
        assert_eq!(parse_filter("  ").unwrap(), vec![]);
        let three = parse_filter("a = 1 AND b.c LIKE 'and' and d < 2");
        assert_eq!(three.unwrap().len(), 3);
        for text in [
            "a",
            "a =",
            "= 1",
            "a = 1 AND",
            "a = 1 OR b = 2",
            "a = 1 b = 2",
            "a ! 1",
            "a = 'x",
            "a > inf",
            "a = b",
            "a IN 'x'",
            "a IN ()",
            "a IN (,)",
            "a IN ('x',,)",
            "a IN ('x'",
            "a IN (1)",
            "a IS 1",
            "a = 1; b = 2",
            "AND",
            "a = )",
        ] {
            assert!(parse_filter(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String, near in "[a.`\"'=<>!(), ANDIN1-]{0,24}") {
            let _ = (parse_filter(&text), parse_order(&text));
            let _ = (parse_filter(&near), parse_order(&near));
        }

        #[test]
        fn quoted_texts_are_read_back(text in "[^'`\"\\\\]{0,20}") {
            let found = clause(&format!("params.x = '{text}'"));
            prop_assert_eq!(found.operand, Operand::Text(text));
        }
    }
}
