//! Intrinsic functions: `States.Format('{} of {}', $.a, $.b)`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::error::{Fault, name};
use crate::path::{Path, Scope};

/// Longest list that `States.ArrayRange` creates, as on AWS.
const RANGE_MAX: usize = 1_000;

/// A call of a function.
#[derive(Debug, Clone)]
pub(crate) struct Intrinsic {
    function: Function,
    arguments: Vec<Argument>,
}

#[derive(Debug, Clone)]
enum Argument {
    Literal(Value),
    Path(Path),
    Call(Intrinsic),
}

macro_rules! functions {
    ($($function:ident: $arguments:pat),+ $(,)?) => {
        /// The supported functions, by their AWS names without `States.`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Function { $($function),+ }

        impl Function {
            /// The function with this name, if it takes this number of arguments.
            fn find(name: &str, arguments: usize) -> Result<Self, String> {
                match name {
                    $(concat!("States.", stringify!($function)) => match arguments {
                        $arguments => Ok(Self::$function),
                        #[allow(unreachable_patterns, reason = "some take any number")]
                        _ => Err(format!("{name} does not take {arguments} arguments")),
                    },)+
                    _ => Err(format!("the intrinsic function `{name}` is not supported")),
                }
            }
        }
    };
}

functions! {
    Array: _,
    ArrayContains: 2,
    ArrayGetItem: 2,
    ArrayLength: 1,
    ArrayPartition: 2,
    ArrayRange: 3,
    ArrayUnique: 1,
    Base64Decode: 1,
    Base64Encode: 1,
    Format: 1..,
    JsonMerge: 3,
    JsonToString: 1,
    MathAdd: 2,
    StringSplit: 2,
    StringToJson: 1,
}

impl Intrinsic {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { rest: text };
        let call = parser.call()?;
        parser.skip();
        if parser.rest.is_empty() {
            Ok(call)
        } else {
            Err(format!("`{text}` has text after the closing bracket"))
        }
    }

    pub(crate) fn evaluate(&self, scope: Scope<'_>) -> Result<Value, Fault> {
        let arguments = self
            .arguments
            .iter()
            .map(|argument| match argument {
                Argument::Literal(value) => Ok(value.clone()),
                Argument::Path(path) => path.get(scope),
                Argument::Call(call) => call.evaluate(scope),
            })
            .collect::<Result<Vec<_>, _>>()?;
        apply(self.function, &arguments).ok_or_else(|| {
            let shown: String = Value::from(arguments)
                .to_string()
                .chars()
                .take(300)
                .collect();
            Fault::new(
                name::INTRINSIC_FAILURE,
                format!("States.{:?} cannot be applied to {shown}", self.function),
            )
        })
    }
}

/// `None` if the arguments have the wrong types.
fn apply(function: Function, arguments: &[Value]) -> Option<Value> {
    match (function, arguments) {
        (Function::Array, all) => Some(all.to_vec().into()),
        (Function::ArrayContains, [list, wanted]) => Some(list.as_array()?.contains(wanted).into()),
        (Function::ArrayGetItem, [list, index]) => list
            .as_array()?
            .get(usize::try_from(index.as_u64()?).ok()?)
            .cloned(),
        (Function::ArrayLength, [list]) => Some(list.as_array()?.len().into()),
        (Function::ArrayPartition, [list, size]) => {
            let size = usize::try_from(size.as_u64()?)
                .ok()
                .filter(|size| *size > 0)?;
            Some(
                list.as_array()?
                    .chunks(size)
                    .map(|chunk| Value::from(chunk.to_vec()))
                    .collect(),
            )
        }
        (Function::ArrayRange, [first, last, step]) => {
            range(first.as_i64()?, last.as_i64()?, step.as_i64()?)
        }
        (Function::ArrayUnique, [list]) => {
            let mut unique: Vec<Value> = Vec::new();
            for value in list.as_array()? {
                if !unique.contains(value) {
                    unique.push(value.clone());
                }
            }
            Some(unique.into())
        }
        (Function::Base64Encode, [text]) => Some(STANDARD.encode(text.as_str()?).into()),
        (Function::Base64Decode, [text]) => {
            String::from_utf8(STANDARD.decode(text.as_str()?).ok()?)
                .ok()
                .map(Value::from)
        }
        (Function::Format, [template, rest @ ..]) => {
            format(template.as_str()?, rest).map(Value::from)
        }
        // AWS does not support deep merging either: the third argument must be false.
        (
            Function::JsonMerge,
            [
                Value::Object(left),
                Value::Object(right),
                Value::Bool(false),
            ],
        ) => {
            let mut merged = left.clone();
            merged.extend(right.clone());
            Some(merged.into())
        }
        (Function::JsonToString, [value]) => Some(value.to_string().into()),
        (Function::MathAdd, [left, right]) => {
            Some(left.as_i64()?.checked_add(right.as_i64()?)?.into())
        }
        (Function::StringSplit, [text, separators]) => {
            let separators: Vec<char> = separators.as_str()?.chars().collect();
            let parts = text
                .as_str()?
                .split(separators.as_slice())
                .filter(|part| !part.is_empty());
            Some(parts.map(Value::from).collect())
        }
        (Function::StringToJson, [text]) => serde_json::from_str(text.as_str()?).ok(),
        _ => None,
    }
}

fn range(first: i64, last: i64, step: i64) -> Option<Value> {
    let mut range = Vec::new();
    let mut at = first;
    while step > 0 && at <= last || step < 0 && at >= last {
        if range.len() == RANGE_MAX {
            return None;
        }
        range.push(Value::from(at));
        at = at.checked_add(step)?;
    }
    (step != 0).then(|| range.into())
}

/// Inserts the arguments at `{}`; `\{`, `\}`, `\'` and `\\` are escapes.
fn format(template: &str, arguments: &[Value]) -> Option<String> {
    let mut arguments = arguments.iter();
    let mut text = String::new();
    let mut characters = template.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.push(characters.next()?),
            '{' => {
                if characters.next()? != '}' {
                    return None;
                }
                match arguments.next()? {
                    Value::String(argument) => text.push_str(argument),
                    argument @ (Value::Array(_) | Value::Object(_)) => {
                        text.push_str(&argument.to_string())
                    }
                    scalar => text.push_str(&scalar.to_string()),
                }
            }
            other => text.push(other),
        }
    }
    arguments.next().is_none().then_some(text)
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, wanted: char) -> bool {
        self.skip();
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Everything up to the first character that `ends`.
    fn word(&mut self, ends: impl Fn(char) -> bool) -> String {
        let (word, rest) = self
            .rest
            .split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        self.rest = rest;
        word.trim_end().to_owned()
    }

    fn call(&mut self) -> Result<Intrinsic, String> {
        self.skip();
        let shown = self.rest.to_owned();
        let name = self.word(|character| character == '(');
        if !self.take('(') {
            return Err(format!(
                "`{shown}` is neither a path nor a call of an intrinsic function"
            ));
        }
        let mut arguments = Vec::new();
        if !self.take(')') {
            loop {
                arguments.push(self.argument()?);
                if self.take(')') {
                    break;
                }
                if !self.take(',') {
                    return Err(format!("a comma or a bracket is missing in `{shown}`"));
                }
            }
        }
        Ok(Intrinsic {
            function: Function::find(&name, arguments.len())?,
            arguments,
        })
    }

    fn argument(&mut self) -> Result<Argument, String> {
        self.skip();
        match self.rest.chars().next() {
            Some('\'') => self.text().map(Argument::Literal),
            Some('$') => {
                let path = self.path();
                Path::parse(&path).map(Argument::Path)
            }
            _ if self.rest.starts_with("States.") => self.call().map(Argument::Call),
            _ => {
                let word = self.word(|character| matches!(character, ',' | ')'));
                match serde_json::from_str::<Value>(&word) {
                    Ok(value @ (Value::Number(_) | Value::Bool(_) | Value::Null)) => {
                        Ok(Argument::Literal(value))
                    }
                    _ => Err(format!(
                        "`{word}` is no argument: text stands in single quotes"
                    )),
                }
            }
        }
    }

    /// A path, which ends at a comma or bracket outside its brackets and quotes.
    fn path(&mut self) -> String {
        let (mut depth, mut quoted) = (0_i32, false);
        let end = self.rest.find(|character| {
            match character {
                '\'' => quoted = !quoted,
                _ if quoted => {}
                '[' | '(' => depth += 1,
                ']' => depth -= 1,
                ')' if depth > 0 => depth -= 1,
                ',' | ')' if depth == 0 => return true,
                _ => {}
            }
            false
        });
        let (path, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        path.trim_end().to_owned()
    }

    /// Text in single quotes. A backslash escapes the next character; before `{` and `}` it is kept
    /// for `States.Format`.
    fn text(&mut self) -> Result<Value, String> {
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                '\'' => {
                    self.rest = self.rest.get(at + 1..).unwrap_or_default();
                    return Ok(text.into());
                }
                '\\' => match characters.next() {
                    Some((_, kept @ ('{' | '}' | '\\'))) => text.extend(['\\', kept]),
                    Some((_, kept)) => text.push(kept),
                    None => break,
                },
                other => text.push(other),
            }
        }
        Err(format!("a quote is missing in `{}`", self.rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn each_function_on_good_and_bad_arguments() {
        let document = json!({"n": 3, "list": [1, 2, 2, 3], "name": "Ana", "json": "{\"a\": 1}", "o": {"a": 1, "b": 2}, "odd, name": 1});
        let table = [
            (
                "States.Format('Hi {}, {}', $.name, $.n)",
                Some(json!("Hi Ana, 3")),
            ),
            (
                r"States.Format('it\'s \{\}: {}', $.name)",
                Some(json!("it's {}: Ana")),
            ),
            ("States.Format('{}', $.o)", Some(json!("{\"a\":1,\"b\":2}"))),
            ("States.Format('{} {}', $.n)", None),
            ("States.Format('{}', 1, 2)", None),
            (
                "States.Array(1, 'a', $.n, null, true)",
                Some(json!([1, "a", 3, null, true])),
            ),
            ("States.Array()", Some(json!([]))),
            ("States.ArrayContains($.list, 2)", Some(json!(true))),
            ("States.ArrayContains($.n, 2)", None),
            ("States.ArrayGetItem($.list, 3)", Some(json!(3))),
            ("States.ArrayGetItem($.list, 4)", None),
            ("States.ArrayLength($.list)", Some(json!(4))),
            (
                "States.ArrayPartition($.list, 3)",
                Some(json!([[1, 2, 2], [3]])),
            ),
            ("States.ArrayPartition($.list, 0)", None),
            ("States.ArrayRange(1, 7, 3)", Some(json!([1, 4, 7]))),
            ("States.ArrayRange(3, 1, -1)", Some(json!([3, 2, 1]))),
            ("States.ArrayRange(1, 7, 0)", None),
            ("States.ArrayRange(1, 100000, 1)", None),
            ("States.ArrayUnique($.list)", Some(json!([1, 2, 3]))),
            (
                "States.Base64Decode(States.Base64Encode($.name))",
                Some(json!("Ana")),
            ),
            ("States.Base64Decode('%')", None),
            (
                "States.JsonMerge($.o, States.StringToJson('{\"b\": 5}'), false)",
                Some(json!({"a": 1, "b": 5})),
            ),
            ("States.JsonMerge($.o, $.o, true)", None),
            ("States.JsonToString($.list)", Some(json!("[1,2,2,3]"))),
            ("States.StringToJson($.json)", Some(json!({"a": 1}))),
            ("States.StringToJson($.name)", None),
            ("States.MathAdd($.n, -5)", Some(json!(-2))),
            (
                "States.StringSplit('a.b,c', '.,')",
                Some(json!(["a", "b", "c"])),
            ),
            (
                "States.Array($['odd, name'], $.list[?(@ > 2)])",
                Some(json!([1, [3]])),
            ),
        ];
        for (text, expected) in table {
            let call = Intrinsic::parse(text).unwrap();
            let made = call.evaluate(Scope {
                document: &document,
                context: &Value::Null,
            });
            match expected {
                Some(expected) => assert_eq!(made.unwrap(), expected, "{text}"),
                None => assert_eq!(made.unwrap_err().name(), name::INTRINSIC_FAILURE, "{text}"),
            }
        }
    }

    #[test]
    fn invalid_calls_are_rejected() {
        for text in [
            "",
            "States.UUID()",
            "States.Hash('a', 'MD5')",
            "States.Format",
            "States.Format()",
            "States.Array(1",
            "States.Array(1 2)",
            "States.Array('a)",
            "States.Array(a)",
            "States.ArrayLength(1, 2)",
            "States.Array(1))",
            "format('a')",
        ] {
            assert!(Intrinsic::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_rejected(text in "(States\\.(Array|Format)\\()?[a-z$.',{}\\\\()\\[\\] ]{0,20}\\)?") {
            let _ = Intrinsic::parse(&text);
        }
    }
}
