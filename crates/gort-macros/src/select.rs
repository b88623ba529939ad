//! `select!`: its arms are parsed, then expanded into a selection and a `match` on the outcome.
//!
//! Two arms and a `default` become, shortened:
//!
//! ```text
//! {
//!     enum __GortChosen<T0, T1> { Arm0(T0), Arm1(T1), Default }
//!     let chosen = match (RecvArm::new(Some(&(rx))), SendArm::new(Some((&(tx), value)))) {
//!         mut arms => match select(
//!             [arms.0.look(), arms.1.look()], &mut [&mut arms.0, &mut arms.1], biased, true
//!         ) {
//!             0 => __GortChosen::Arm0(Option::unwrap(arms.0.finish())),
//!             1 => __GortChosen::Arm1(Option::unwrap(arms.1.finish())),
//!             _ => __GortChosen::Default,
//!         },
//!     };
//!     match chosen {
//!         __GortChosen::Arm0(value) => { let v = { value }; body }
//!         __GortChosen::Arm1(value) => { let res = { value }; body }
//!         __GortChosen::Default => body,
//!     }
//! }
//! ```
//!
//! The `let` statement is the selection. All that the heads of the arms borrow, create or lock
//! lives until its end and no longer, so that the bodies may move and drop the channels. `arms`
//! goes before the temporaries it borrows from, and with it the values that were not sent.
//! The enum is as large as its largest variant: stacks are small, and there may be many arms.

use proc_macro::{Delimiter, Span, TokenStream, TokenTree};

use crate::tokens::{fill, is_brace, Cursor, Error, Result};

#[derive(Debug)]
struct Arm {
    /// Where the arm's keyword is.
    span: Span,
    operation: Operation,
    guard: Option<TokenStream>,
    /// `None` where there is no value to bind, or nobody asked for it.
    pattern: Option<TokenStream>,
    body: TokenStream,
}

#[derive(Debug)]
enum Operation {
    Recv { rx: Expression },
    Send { tx: Expression, value: Expression },
    After { duration: Expression },
    Default,
}

/// An expression in the parentheses of an arm's head.
#[derive(Clone, Debug)]
struct Expression {
    tokens: TokenStream,
    /// Of its only token, or else of the parentheses: spans cannot be joined.
    span: Span,
}

impl Operation {
    /// Whether the arm's outcome has a value.
    fn has_value(&self) -> bool {
        matches!(self, Operation::Recv { .. } | Operation::Send { .. })
    }
}

pub(crate) fn expand(input: TokenStream, biased: bool) -> TokenStream {
    match parse(Cursor::new(input)) {
        Ok(arms) if arms.is_empty() => fill(
            Span::call_site(),
            &format!("loop {{ ::gort::select::arms::select([], &mut [], {biased}, false); }}"),
            &[],
        ),
        Ok(arms) => expand_arms(&arms, biased),
        Err(error) => error.into_tokens(),
    }
}

// ---- Parsing ----

fn parse(mut input: Cursor) -> Result<Vec<Arm>> {
    let mut arms: Vec<Arm> = Vec::new();
    while !input.is_at_end() {
        let arm = parse_arm(&mut input)?;
        let is_default = |arm: &Arm| matches!(arm.operation, Operation::Default);
        if is_default(&arm) && arms.iter().any(is_default) {
            return Err(Error::new(arm.span, "a select has at most one `default`"));
        }
        arms.push(arm);
    }
    Ok(arms)
}

fn parse_arm(input: &mut Cursor) -> Result<Arm> {
    let span = input.span();
    let name = input.take_ident().map(|ident| ident.to_string()).unwrap_or_default();
    let operation = match name.as_str() {
        "recv" => {
            let usage = "`recv` takes one argument, the receiver: `recv(rx)`";
            let [rx] = parse_arguments(input, span, usage)?;
            Operation::Recv { rx }
        }
        "send" => {
            let usage = "`send` takes two arguments, the sender and the value: `send(tx, value)`";
            let [tx, value] = parse_arguments(input, span, usage)?;
            Operation::Send { tx, value }
        }
        "after" => {
            let usage = "`after` takes one argument, the duration: `after(duration)`";
            let [duration] = parse_arguments(input, span, usage)?;
            Operation::After { duration }
        }
        "default" => Operation::Default,
        _ => return Err(Error::new(span, "expected `recv`, `send`, `after` or `default`")),
    };
    let pattern = parse_pattern(input, &name, operation.has_value())?;
    let guard = parse_guard(input, &name)?;
    if !input.take_punct("=>") {
        let message = match (&operation, &guard, &pattern) {
            (_, Some(_), _) | (Operation::Default, _, _) => "expected `=>`",
            (_, None, Some(_)) => "expected `=>`, or a condition: `, if condition =>`",
            (Operation::After { .. }, None, None) => "expected `=>` or `, if condition =>`",
            (_, None, None) => "expected `=>`, `-> pattern =>` or `, if condition =>`",
        };
        let span = if input.is_at_end() { span } else { input.span() };
        return Err(Error::new(span, message));
    }
    let body = parse_body(input)?;
    Ok(Arm { span, operation, guard, pattern, body })
}

fn parse_arguments<const N: usize>(
    input: &mut Cursor,
    span: Span,
    usage: &str,
) -> Result<[Expression; N]> {
    let group = input.take_group(Delimiter::Parenthesis).ok_or_else(|| Error::new(span, usage))?;
    let mut inner = Cursor::new(group.stream());
    let mut arguments = Vec::new();
    while !inner.is_at_end() {
        let tokens = inner.take_expression();
        let span = if let [token] = &tokens[..] { token.span() } else { group.span() };
        arguments.push(Expression { tokens: tokens.into_iter().collect(), span });
        inner.take_punct(",");
    }
    match <[Expression; N]>::try_from(arguments) {
        Ok(arguments) if arguments.iter().all(|argument| !argument.tokens.is_empty()) => {
            Ok(arguments)
        }
        _ => Err(Error::new(group.span(), usage)),
    }
}

/// `-> pattern`, which ends at `=>` or at the comma before the condition.
fn parse_pattern(input: &mut Cursor, name: &str, allowed: bool) -> Result<Option<TokenStream>> {
    let arrow = input.span();
    if !input.take_punct("->") {
        return Ok(None);
    }
    if !allowed {
        return Err(Error::new(arrow, format!("`{name}` has no value to bind")));
    }
    let mut pattern = Vec::new();
    while !input.is_at_end() && !input.is_punct("=>") && !input.is_punct(",") {
        if input.is_ident("if") {
            return Err(Error::new(input.span(), "expected `,` before `if`"));
        }
        if input.is_punct("<") {
            input.take_angles(&mut pattern);
        } else {
            pattern.extend(input.next());
        }
    }
    let Some(first) = pattern.first() else {
        return Err(Error::new(arrow, "expected a pattern after `->`"));
    };
    // rustc would say so as well, and advise to write nonsense.
    let is_or = |token: &TokenTree| token.to_string() == "|";
    let is_refutable = ["Some", "None", "Ok", "Err"].contains(&first.to_string().as_str());
    if is_refutable && !pattern.iter().any(is_or) {
        let what = "can yield what this pattern does not match";
        let message = format!("`{name}` {what}: bind it to a name and `match` on that");
        return Err(Error::new(first.span(), message));
    }
    Ok(Some(pattern.into_iter().collect()))
}

/// `, if condition`, which ends at `=>`.
fn parse_guard(input: &mut Cursor, name: &str) -> Result<Option<TokenStream>> {
    if !is_guard(input, 0) {
        return Ok(None);
    }
    input.take_punct(",");
    let keyword = input.span();
    if name == "default" {
        return Err(Error::new(keyword, "`default` cannot have a condition"));
    }
    input.take_ident();
    let mut guard = Vec::new();
    while !input.is_at_end() && !input.is_punct("=>") {
        guard.extend(input.next());
    }
    if guard.is_empty() {
        return Err(Error::new(keyword, "expected a condition after `if`"));
    }
    Ok(Some(guard.into_iter().collect()))
}

fn is_guard(input: &Cursor, ahead: usize) -> bool {
    input.is_punct_at(ahead, ",") && input.is_ident_at(ahead + 1, "if")
}

/// The expression after `=>`, and its comma. As in a `match`, a block needs none.
fn parse_body(input: &mut Cursor) -> Result<TokenStream> {
    let arrow = input.span();
    let mut body: Vec<TokenTree> = Vec::new();
    while !input.is_at_end() && !input.is_punct(",") {
        if is_brace(body.last()) {
            let continues = matches!(input.peek(), Some(TokenTree::Punct(_)));
            if at_arm(input) || (body.len() == 1 && !continues) {
                break;
            }
        } else if !body.is_empty() && KINDS.iter().any(|kind| input.is_ident(kind)) && at_arm(input)
        {
            return Err(Error::new(input.span(), "expected `,` before this arm"));
        }
        input.take_unit(&mut body);
    }
    if body.is_empty() {
        return Err(Error::new(arrow, "expected an expression after `=>`"));
    }
    input.take_punct(",");
    Ok(body.into_iter().collect())
}

const KINDS: [&str; 4] = ["recv", "send", "after", "default"];

/// Whether what follows looks like the head of an arm, be its keyword right or wrong.
fn at_arm(input: &Cursor) -> bool {
    match input.peek() {
        Some(TokenTree::Ident(_)) => {}
        _ => return false,
    }
    if input.peek_group(1, Delimiter::Parenthesis).is_none() {
        return input.is_punct_at(1, "=>");
    }
    ["=>", "->"].iter().any(|arrow| input.is_punct_at(2, arrow)) || is_guard(input, 2)
}

// ---- Expansion ----

/// Makes the operand of `SendArm::new`. As an argument next to the sender, the value is coerced to
/// the type of the channel's messages, as it is in `tx.send(value)`; in a tuple it would not be.
const PAIR: &str = "
    fn __gort_pair<'a, T>(
        tx: &'a ::gort::chan::Sender<T>,
        value: T,
    ) -> ::core::option::Option<(&'a ::gort::chan::Sender<T>, T)> {
        ::core::option::Option::Some((tx, value))
    }
";

fn expand_arms(arms: &[Arm], biased: bool) -> TokenStream {
    // `select` numbers the arms in their order and gives their number for the default.
    let (default, others): (Vec<_>, Vec<_>) =
        arms.iter().partition(|arm| matches!(arm.operation, Operation::Default));
    let has_default = !default.is_empty();
    let has_send = arms.iter().any(|arm| matches!(arm.operation, Operation::Send { .. }));
    let pair = if has_send { PAIR } else { "" };
    let mut parts = Parts::default();
    for (index, arm) in others.into_iter().chain(default).enumerate() {
        parts.add(arm, index, index + 1 == arms.len());
    }
    let template = format!(
        "{{
            enum __GortChosen<GENERICS> {{ VARIANTS }}
            {pair}
            let chosen = match (HEADS) {{
                mut arms => match ::gort::select::arms::select(
                    [LOOKS], &mut [REFERENCES], {biased}, {has_default}
                ) {{ OUTCOMES }},
            }};
            match chosen {{ BODIES }}
        }}"
    );
    let holes = [
        ("GENERICS", parts.generics),
        ("VARIANTS", parts.variants),
        ("HEADS", parts.heads),
        ("LOOKS", parts.looks),
        ("REFERENCES", parts.references),
        ("OUTCOMES", parts.outcomes),
        ("BODIES", parts.bodies),
    ];
    fill(Span::call_site(), &template, &holes)
}

/// What the arms contribute to each part of the expansion.
#[derive(Debug, Default)]
struct Parts {
    generics: TokenStream,
    variants: TokenStream,
    heads: TokenStream,
    looks: TokenStream,
    references: TokenStream,
    outcomes: TokenStream,
    bodies: TokenStream,
}

impl Parts {
    fn add(&mut self, arm: &Arm, i: usize, is_last: bool) {
        let text = |template: &str| fill(arm.span, template, &[]);
        let variant = format!("__GortChosen::Arm{i}");
        let number = if is_last { "_".to_owned() } else { i.to_string() };
        if let Some(head) = head(arm) {
            self.heads.extend(head);
            self.looks.extend(text(&format!("arms.{i}.look(),")));
            self.references.extend(text(&format!("&mut arms.{i},")));
        }
        if arm.operation.has_value() {
            self.generics.extend(text(&format!("T{i},")));
            self.variants.extend(text(&format!("Arm{i}(T{i}),")));
            let value = format!("::core::option::Option::unwrap(arms.{i}.finish())");
            self.outcomes.extend(text(&format!("{number} => {variant}({value}),")));
            self.bodies.extend(text(&format!("{variant}(value) =>")));
        } else {
            self.variants.extend(text(&format!("Arm{i},")));
            self.outcomes.extend(text(&format!("{number} => {variant},")));
            self.bodies.extend(text(&format!("{variant} =>")));
        }
        self.bodies.extend(body(arm));
    }
}

/// `RecvArm::new(Some(..)),` and its like; with `None` while the arm's condition is false.
///
/// A channel is bound before it is coerced to `&Receiver<_>`, for the wanted type to have no
/// influence on the expression: `&receivers.get(0)?` would look for a `Receiver` otherwise.
///
/// The operand must be evaluated under the condition only, yet what it borrows from temporaries
/// has to last through the selection. A labelled block does both: in the 2021 edition, which is
/// this crate's, the temporaries of a block's last expression belong to the statement around it.
/// Those of a `match` arm never do, which keeps the value and the duration from holding a lock
/// for as long as the selection waits.
fn head(arm: &Arm) -> Option<TokenStream> {
    let none = &Expression { tokens: TokenStream::new(), span: arm.span };
    let (name, operand, channel, value) = match &arm.operation {
        Operation::Recv { rx } => {
            let operand = "match &(CHANNEL) {
                channel => { let rx: &::gort::chan::Receiver<_> = COERCED; SOME(rx) }
            }";
            ("RecvArm", operand, rx, none)
        }
        Operation::Send { tx, value } => {
            let operand = "match &(CHANNEL) {
                channel => {
                    let tx: &::gort::chan::Sender<_> = COERCED;
                    __gort_pair(tx, match () { () => VALUE })
                }
            }";
            ("SendArm", operand, tx, value)
        }
        Operation::After { duration } => {
            ("AfterArm", "SOME(match () { () => VALUE })", none, duration)
        }
        Operation::Default => return None,
    };
    let operand = match arm.guard {
        None => operand.to_owned(),
        Some(_) => format!("'off: {{ if (CONDITION) {{}} else {{ break 'off NONE }} {operand} }}"),
    };
    let holes = [
        ("CHANNEL", channel.tokens.clone()),
        // Here a wrong type is found; it is to be reported where the channel is.
        ("COERCED", fill(channel.span, "channel", &[])),
        ("VALUE", value.tokens.clone()),
        ("CONDITION", arm.guard.clone().unwrap_or_default()),
        ("SOME", fill(arm.span, "::core::option::Option::Some", &[])),
        ("NONE", fill(arm.span, "::core::option::Option::None", &[])),
    ];
    Some(fill(arm.span, &format!("::gort::select::arms::{name}::new({operand}),"), &holes))
}

/// What runs after the selection, with the outcome's `value` in scope.
fn body(arm: &Arm) -> TokenStream {
    let template = if arm.operation.has_value() {
        // The braces move the value: `_` drops it here, like any `let _ = f();`.
        "{ let PATTERN = { value }; SCOPED }"
    } else {
        "BODY,"
    };
    let underscore = || fill(arm.span, "_", &[]);
    let pattern = arm.pattern.clone().unwrap_or_else(underscore);
    let body = || ("BODY", arm.body.clone());
    // Drops the temporaries of the body before the variables of the pattern. Where bodies differ in
    // type, this is what is reported, so it is to be where the body is.
    let start = arm.body.clone().into_iter().next().map_or(arm.span, |token| token.span());
    let scoped = fill(start, "match () { () => BODY }", &[body()]);
    fill(arm.span, template, &[("PATTERN", pattern), ("SCOPED", scoped), body()])
}
