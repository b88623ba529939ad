//! `#[gort::main]` and `#[gort::test]`: the body of a function becomes a goroutine.

use proc_macro::{Delimiter, Group, Span, TokenStream, TokenTree};

use crate::tokens::{fill, is_brace, Cursor, Error, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attribute {
    Main,
    Test,
}

/// What is in the attribute's parentheses.
#[derive(Debug, Default)]
struct Options {
    krate: Option<TokenStream>,
    processors: Option<TokenStream>,
}

/// `attributes head -> output bounds body`, where the head is `pub fn name<T>(parameter: T)`.
#[derive(Debug)]
struct Function {
    attributes: TokenStream,
    head: TokenStream,
    name: String,
    /// The return type, unless it is `()`.
    output: Option<TokenStream>,
    /// The `where` clause.
    bounds: TokenStream,
    body: TokenTree,
    /// A keyword that is not allowed, and was left out of the head.
    error: Option<Error>,
}

pub(crate) fn expand(attribute: Attribute, options: TokenStream, item: TokenStream) -> TokenStream {
    let mut function = match parse_function(Cursor::new(item.clone())) {
        Ok(function) => function,
        Err(error) => {
            let mut out = error.into_tokens();
            out.extend(item);
            return out;
        }
    };
    let (options, error) = match parse_options(Cursor::new(options)) {
        Ok(options) => (options, function.error.take()),
        Err(error) => (Options::default(), Some(error)),
    };

    let is_reported = attribute == Attribute::Test || function.name == "main";
    let (output, goroutine) = goroutine(&function, is_reported);
    let body = match (&error, attribute, &options.processors) {
        // The function stays, lest its absence be reported as well.
        (Some(_), ..) => "ERROR",
        (None, _, None) => "GORT::run(GOROUTINE)",
        (None, Attribute::Main, Some(_)) => {
            "GORT::Runtime::builder().processors(PROCESSORS).install()
                .expect(\"#[gort::main]: the runtime cannot be started\");
            GORT::run(GOROUTINE)"
        }
        (None, Attribute::Test, Some(_)) => {
            "GORT::Runtime::builder().processors(PROCESSORS).build()
                .expect(\"#[gort::test]: the runtime cannot be started\")
                .run(GOROUTINE)"
        }
    };
    let test = match attribute {
        // With an error, `#[test]` would hide it where tests are not built.
        Attribute::Test if error.is_none() => "#[::core::prelude::v1::test]",
        Attribute::Main | Attribute::Test => "",
    };
    let span = Span::call_site();
    let holes = [
        ("ATTRIBUTES", function.attributes),
        ("HEAD", function.head),
        ("OUTPUT", output),
        ("BOUNDS", function.bounds),
        ("ERROR", error.map(Error::into_tokens).unwrap_or_default()),
        ("GOROUTINE", goroutine),
        ("GORT", options.krate.unwrap_or_else(|| fill(span, "::gort", &[]))),
        ("PROCESSORS", options.processors.unwrap_or_default()),
    ];
    fill(span, &format!("ATTRIBUTES {test} HEAD OUTPUT BOUNDS {{ {body} }}"), &holes)
}

/// What the function returns now, with its arrow, and the closure to run.
///
/// What `main` and a test return is for `Termination::report` only, and often not `Send`:
/// `Box<dyn Error>`. The goroutine reports it itself, and what leaves it is an exit code.
fn goroutine(function: &Function, is_reported: bool) -> (TokenStream, TokenStream) {
    let body = ("BODY", function.body.clone().into());
    let Some(output) = &function.output else {
        let closure = fill(Span::call_site(), "move || -> () BODY", &[body]);
        return (TokenStream::new(), closure);
    };
    let span = output.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span());
    let template = if is_opaque(output) { "move || BODY" } else { "move || -> OUTPUT BODY" };
    let closure = fill(span, template, &[body, ("OUTPUT", output.clone())]);
    if is_reported && output.to_string() != "!" {
        let template = "move || ::std::process::Termination::report((CLOSURE)())";
        let closure = fill(span, template, &[("CLOSURE", closure)]);
        (fill(span, "-> ::std::process::ExitCode", &[]), closure)
    } else {
        (fill(span, "-> OUTPUT", &[("OUTPUT", output.clone())]), closure)
    }
}

/// Whether the type has an `impl Trait` in it, which a closure may not name.
fn is_opaque(output: &TokenStream) -> bool {
    output.clone().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident.to_string() == "impl",
        TokenTree::Group(group) => is_opaque(&group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

fn parse_options(mut input: Cursor) -> Result<Options> {
    let mut options = Options::default();
    while !input.is_at_end() {
        let span = input.span();
        let name = input.take_ident().map(|ident| ident.to_string()).unwrap_or_default();
        let slot = match name.as_str() {
            "crate" => &mut options.krate,
            "processors" => &mut options.processors,
            _ => {
                let message = "unknown option: there are `crate = path` and `processors = number`";
                return Err(Error::new(span, message));
            }
        };
        if slot.is_some() {
            return Err(Error::new(span, format!("`{name}` is given twice")));
        }
        let has_equals = input.take_punct("=");
        let value = TokenStream::from_iter(input.take_expression());
        if !has_equals || value.is_empty() {
            return Err(Error::new(span, format!("expected a value: `{name} = ..`")));
        }
        *slot = Some(value);
        input.take_punct(",");
    }
    Ok(options)
}

fn parse_function(mut input: Cursor) -> Result<Function> {
    let mut attributes = Vec::new();
    while input.is_punct("#") {
        attributes.extend(input.next());
        attributes.extend(input.next());
    }

    let not_a_function = Error::new(input.span(), "expected a function with a body");
    let mut error = None;
    let mut head = Vec::new();
    while !input.is_ident("fn") {
        let message = match input.peek() {
            Some(TokenTree::Punct(_)) | None => return Err(not_a_function),
            _ if input.is_ident("async") => {
                "gort goroutines are ordinary functions: remove `async`"
            }
            _ if input.is_ident("const") => "a `const fn` cannot start a goroutine: remove `const`",
            _ => {
                head.extend(input.next());
                continue;
            }
        };
        error = Some(Error::new(input.span(), message));
        input.next();
    }
    head.extend(input.next());

    let Some(name) = input.take_ident() else { return Err(not_a_function) };
    head.push(name.clone().into());
    if input.is_punct("<") {
        input.take_angles(&mut head);
    }
    let Some(parameters) = input.take_group(Delimiter::Parenthesis) else {
        return Err(not_a_function);
    };
    head.push(parameters.into());

    let has_output = input.take_punct("->");
    let mut output = Vec::new();
    let mut bounds = Vec::new();
    let body = loop {
        let Some(token) = input.next() else { return Err(not_a_function) };
        if input.is_at_end() {
            break token;
        }
        let part = if is_bounds(&token, &bounds) { &mut bounds } else { &mut output };
        part.push(token);
    };
    let mut body = without_invisible_delimiters(body);
    if !is_brace(Some(&body)) {
        return Err(not_a_function);
    }
    take_inner_attributes(&mut body, &mut attributes);
    let output = TokenStream::from_iter(output);
    let has_output = has_output && output.to_string() != "()";
    Ok(Function {
        attributes: attributes.into_iter().collect(),
        head: head.into_iter().collect(),
        name: name.to_string(),
        output: has_output.then_some(output),
        bounds: bounds.into_iter().collect(),
        body,
        error,
    })
}

/// Whether the token belongs to the `where` clause rather than to the type before it.
fn is_bounds(token: &TokenTree, bounds: &[TokenTree]) -> bool {
    !bounds.is_empty() || matches!(token, TokenTree::Ident(ident) if ident.to_string() == "where")
}

/// Moves the attributes that a body begins with, `#![..]`, before the function: a closure's may not have any.
fn take_inner_attributes(body: &mut TokenTree, attributes: &mut Vec<TokenTree>) {
    let TokenTree::Group(group) = &*body else { return };
    let mut input = Cursor::new(group.stream());
    let before = attributes.len();
    while input.is_punct("#") && input.is_punct_at(1, "!") {
        attributes.extend(input.next());
        input.next();
        attributes.extend(input.next());
    }
    if attributes.len() == before {
        return;
    }
    let rest = std::iter::from_fn(|| input.next()).collect();
    let mut rest = Group::new(Delimiter::Brace, rest);
    rest.set_span(group.span());
    *body = rest.into();
}

/// The block itself, where a `macro_rules` macro passed it on as `$body:block`.
fn without_invisible_delimiters(token: TokenTree) -> TokenTree {
    if let TokenTree::Group(group) = &token {
        if group.delimiter() == Delimiter::None {
            if let Some(inner) = group.stream().into_iter().next() {
                return inner;
            }
        }
    }
    token
}
