//! The arguments of `#[agent_tool(...)]`: four keys, each a string literal.

use proc_macro::{Literal, Span, TokenStream, TokenTree};

use crate::Refusal;

const KEYS: [&str; 4] = ["name", "description", "input", "output"];
const NAME_BYTES_MAX: usize = 64;

#[derive(Default)]
pub(crate) struct ToolArguments([Option<Literal>; 4]);

impl ToolArguments {
    pub(crate) fn parse(arguments: TokenStream) -> Result<Self, Refusal> {
        let mut given = Self::default();
        let mut tokens = arguments.into_iter();
        while let Some(token) = tokens.next() {
            let word = token.to_string();
            let Some(index) = KEYS.iter().position(|key| *key == word) else {
                return Err(Refusal::new(token.span(), format!("`{word}` is not one of {}", KEYS.join(", "))));
            };
            let equals = matches!(tokens.next(), Some(TokenTree::Punct(punct)) if punct.as_char() == '=');
            let literal = tokens.next().and_then(text_literal);
            let (true, Some(literal)) = (equals, literal) else {
                return Err(Refusal::new(token.span(), format!("write `{word} = \"...\"`")));
            };
            if given.0[index].replace(literal).is_some() {
                return Err(Refusal::new(token.span(), format!("`{word}` is given twice")));
            }
            match tokens.next() {
                None => break,
                Some(TokenTree::Punct(punct)) if punct.as_char() == ',' => {}
                Some(other) => return Err(Refusal::new(other.span(), "a comma belongs here")),
            }
        }
        given.check()
    }

    fn check(self) -> Result<Self, Refusal> {
        if let Some(index) = self.0.iter().position(Option::is_none) {
            let message = format!("`{} = \"...\"` is missing; a tool needs {}", KEYS[index], KEYS.join(", "));
            return Err(Refusal::new(Span::call_site(), message));
        }
        if let [Some(name), Some(description), ..] = &self.0 {
            let text = name.to_string();
            if !is_tool_name(text.trim_matches('"')) {
                let message = "a tool's name is lowercase letters, digits and `_`, a letter first, at most 64 bytes";
                return Err(Refusal::new(name.span(), message));
            }
            if description.to_string().trim_matches('"').trim().is_empty() {
                return Err(Refusal::new(description.span(), "a model chooses the tool by its description: say what it does and when to use it"));
            }
        }
        Ok(self)
    }

    pub(crate) fn into_literals(self) -> Vec<Literal> {
        self.0.into_iter().flatten().collect()
    }
}

fn text_literal(token: TokenTree) -> Option<Literal> {
    match token {
        TokenTree::Literal(literal) if literal.to_string().ends_with(['"', '#']) => Some(literal),
        _ => None,
    }
}

fn is_tool_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    text.len() <= NAME_BYTES_MAX && text.starts_with(|first: char| first.is_ascii_lowercase()) && text.bytes().all(plain)
}
