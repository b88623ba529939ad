//! Token helpers: templates, errors, and what little parsing the macros need.

use proc_macro::{Delimiter, Group, Ident, Literal, Spacing, Span, TokenStream, TokenTree};

/// What is wrong with the user's tokens, and where.
#[derive(Debug)]
pub(crate) struct Error {
    span: Span,
    message: String,
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        Error { span, message: message.into() }
    }

    /// A `compile_error!` that rustc reports at the span, valid as an item and as an expression.
    ///
    /// The tokens pass for the user's own, so that rustc does not go on about the macro.
    pub(crate) fn into_tokens(self) -> TokenStream {
        let text = TokenTree::Literal(Literal::string(&self.message)).into();
        fill_tokens(self.span, parse("::core::compile_error! { TEXT }"), &[("TEXT", text)])
    }
}

/// Parses `template` and puts tokens in the place of the named identifiers.
///
/// The template's own tokens are shown to the user as being at `span`, while its variables and
/// labels are invisible to the user's code, and the user's to it. The filled-in tokens stay as
/// they are.
pub(crate) fn fill(span: Span, template: &str, holes: &[(&str, TokenStream)]) -> TokenStream {
    let span = Span::mixed_site().located_at(span);
    fill_tokens(span, parse(template), holes)
}

fn parse(template: &str) -> TokenStream {
    template.parse().expect("a template is valid tokens")
}

fn fill_tokens(span: Span, template: TokenStream, holes: &[(&str, TokenStream)]) -> TokenStream {
    let mut out = TokenStream::new();
    for mut token in template {
        match &token {
            TokenTree::Ident(name) => {
                let name = name.to_string();
                if let Some((_, tokens)) = holes.iter().find(|(hole, _)| *hole == name) {
                    out.extend(tokens.clone());
                    continue;
                }
            }
            TokenTree::Group(group) => {
                let inner = fill_tokens(span, group.stream(), holes);
                token = Group::new(group.delimiter(), inner).into();
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        token.set_span(span);
        out.extend([token]);
    }
    out
}

/// Tokens that are looked at one after the other.
#[derive(Debug)]
pub(crate) struct Cursor {
    tokens: Vec<TokenTree>,
    at: usize,
}

impl Cursor {
    pub(crate) fn new(tokens: TokenStream) -> Self {
        Cursor { tokens: tokens.into_iter().collect(), at: 0 }
    }

    pub(crate) fn peek(&self) -> Option<&TokenTree> {
        self.peek_at(0)
    }

    pub(crate) fn peek_at(&self, ahead: usize) -> Option<&TokenTree> {
        self.tokens.get(self.at + ahead)
    }

    pub(crate) fn next(&mut self) -> Option<TokenTree> {
        let token = self.peek().cloned()?;
        self.at += 1;
        Some(token)
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.peek().is_none()
    }

    /// The span of the next token, or of the last one at the end.
    pub(crate) fn span(&self) -> Span {
        self.peek().or(self.tokens.last()).map_or_else(Span::call_site, TokenTree::span)
    }

    /// Whether these characters come next, as one operator: `=>`, `->`, `::`, `,`.
    pub(crate) fn is_punct(&self, operator: &str) -> bool {
        self.is_punct_at(0, operator)
    }

    pub(crate) fn is_punct_at(&self, ahead: usize, operator: &str) -> bool {
        let last = operator.len() - 1;
        operator.chars().enumerate().all(|(i, wanted)| match self.peek_at(ahead + i) {
            Some(TokenTree::Punct(punct)) => {
                punct.as_char() == wanted && (i == last || punct.spacing() == Spacing::Joint)
            }
            _ => false,
        })
    }

    pub(crate) fn is_ident(&self, name: &str) -> bool {
        self.is_ident_at(0, name)
    }

    pub(crate) fn is_ident_at(&self, ahead: usize, name: &str) -> bool {
        matches!(self.peek_at(ahead), Some(TokenTree::Ident(ident)) if ident.to_string() == name)
    }

    /// Takes the operator if it comes next.
    pub(crate) fn take_punct(&mut self, operator: &str) -> bool {
        let found = self.is_punct(operator);
        if found {
            self.at += operator.len();
        }
        found
    }

    pub(crate) fn take_ident(&mut self) -> Option<Ident> {
        let Some(TokenTree::Ident(ident)) = self.peek() else { return None };
        let ident = ident.clone();
        self.at += 1;
        Some(ident)
    }

    pub(crate) fn take_group(&mut self, delimiter: Delimiter) -> Option<Group> {
        let group = self.peek_group(0, delimiter)?.clone();
        self.at += 1;
        Some(group)
    }

    pub(crate) fn peek_group(&self, ahead: usize, delimiter: Delimiter) -> Option<&Group> {
        match self.peek_at(ahead) {
            Some(TokenTree::Group(group)) if group.delimiter() == delimiter => Some(group),
            _ => None,
        }
    }

    /// Takes one token, or as many as belong together where a comma does not separate:
    /// `::<A, B>`, a leading `<A as B<C, D>>`, and the parameters of a closure.
    pub(crate) fn take_unit(&mut self, out: &mut Vec<TokenTree>) {
        let operand_expected = match out.last() {
            None => true,
            Some(TokenTree::Punct(punct)) => !matches!(punct.as_char(), '?' | '>'),
            Some(TokenTree::Ident(ident)) => is_operator(ident),
            Some(TokenTree::Group(_) | TokenTree::Literal(_)) => false,
        };
        if self.is_punct("::") && self.is_punct_at(2, "<") {
            out.extend(self.next());
            out.extend(self.next());
            self.take_angles(out);
        } else if operand_expected && self.is_punct("<") {
            self.take_angles(out);
        } else if operand_expected && self.is_punct("|") {
            out.extend(self.next());
            while !self.is_at_end() && !self.is_punct("|") {
                out.extend(self.next());
            }
            out.extend(self.next());
        } else {
            out.extend(self.next());
        }
    }

    /// Takes `<..>` whole.
    pub(crate) fn take_angles(&mut self, out: &mut Vec<TokenTree>) {
        let mut depth = 0;
        while !self.is_at_end() {
            if self.is_punct("->") {
                out.extend(self.next());
            } else if self.is_punct("<") {
                depth += 1;
            } else if self.is_punct(">") {
                depth -= 1;
            }
            out.extend(self.next());
            if depth == 0 {
                return;
            }
        }
    }

    /// Takes an expression: what comes before the next comma that separates.
    pub(crate) fn take_expression(&mut self) -> Vec<TokenTree> {
        let mut out = Vec::new();
        while !self.is_at_end() && !self.is_punct(",") {
            self.take_unit(&mut out);
        }
        out
    }
}

/// Whether an operand follows this word, as it does after an operator.
fn is_operator(ident: &Ident) -> bool {
    const WORDS: [&str; 9] =
        ["break", "else", "if", "in", "match", "move", "return", "static", "while"];
    WORDS.contains(&ident.to_string().as_str())
}

pub(crate) fn is_brace(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace)
}
