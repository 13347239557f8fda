//! The author's function, as far as its export needs it: its name and its input's type.

use proc_macro::{Delimiter, Ident, Spacing, Span, TokenStream, TokenTree};

use crate::Refusal;

pub(crate) struct Function {
    pub(crate) name: Ident,
    /// The type of the last parameter.
    pub(crate) input: TokenStream,
}

impl Function {
    /// Reads a free function of `count` parameters; `form` is what its signature should look like.
    pub(crate) fn parse(item: TokenStream, count: usize, form: &str) -> Result<Self, Refusal> {
        let should = |what: &str| format!("{what}; write `{form}`");
        let mut tokens = item.into_iter();
        let name = name(&mut tokens).map_err(|(at, what)| Refusal::new(at, should(what)))?;
        let parameters = match tokens.next() {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => group.stream(),
            _ => return Err(Refusal::new(name.span(), should("the function must not be generic"))),
        };
        let mut types = split(parameters).into_iter().map(type_of).collect::<Option<Vec<_>>>();
        let input = match types.as_mut() {
            Some(types) if types.len() == count => types.pop().unwrap_or_default(),
            _ => {
                return Err(Refusal::new(
                    name.span(),
                    should(&format!("the function must take {count} argument{}", if count == 1 { "" } else { "s" })),
                ));
            }
        };
        match tokens.next() {
            Some(TokenTree::Punct(punct)) if punct.as_char() == '-' => Ok(Self { name, input }),
            _ => Err(Refusal::new(name.span(), should("the function must return a `Result`"))),
        }
    }
}

/// Skips attributes and visibility up to `fn`, then takes the name.
fn name(tokens: &mut impl Iterator<Item = TokenTree>) -> Result<Ident, (Span, &'static str)> {
    let nothing = (Span::call_site(), "the attribute belongs on a function");
    while let Some(token) = tokens.next() {
        let TokenTree::Ident(word) = &token else { continue };
        match word.to_string().as_str() {
            "fn" => {
                return match tokens.next() {
                    Some(TokenTree::Ident(name)) => Ok(name),
                    _ => Err(nothing),
                };
            }
            "pub" => {}
            "async" | "unsafe" | "const" | "extern" => return Err((token.span(), "the function must be a plain `fn`")),
            _ => return Err((token.span(), nothing.1)),
        }
    }
    Err(nothing)
}

/// The parameters, divided at commas outside of `<...>`.
fn split(parameters: TokenStream) -> Vec<Vec<TokenTree>> {
    let mut all = vec![Vec::new()];
    let (mut depth, mut arrow) = (0_u32, false);
    for token in parameters {
        let mut divides = false;
        if let TokenTree::Punct(punct) = &token {
            match punct.as_char() {
                '<' => depth += 1,
                '>' if !arrow => depth = depth.saturating_sub(1),
                ',' => divides = depth == 0,
                _ => {}
            }
            arrow = punct.as_char() == '-' && punct.spacing() == Spacing::Joint;
        }
        if divides {
            all.push(Vec::new());
        } else if let Some(last) = all.last_mut() {
            last.push(token);
        }
    }
    all.retain(|parameter| !parameter.is_empty());
    all
}

/// What stands behind a parameter's first single colon.
fn type_of(parameter: Vec<TokenTree>) -> Option<TokenStream> {
    let colon = parameter.iter().position(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':'))?;
    Some(parameter.into_iter().skip(colon + 1).collect())
}
