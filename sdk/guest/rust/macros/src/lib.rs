//! The attributes `#[domain_hook]`, `#[process_hook]` and `#[agent_tool]`.
//!
//! Each leaves the function as it is and adds the component's export beside
//! it. Written on bare tokens: a parser crate would cost every guest build
//! more time than these few forms are worth.

mod arguments;
mod function;

use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

use crate::{arguments::ToolArguments, function::Function};

/// A message for the author at the place that it is about.
struct Refusal {
    at: Span,
    message: String,
}

impl Refusal {
    fn new(at: Span, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }

    fn into_compile_error(self) -> TokenStream {
        let spanned = |mut token: TokenTree| {
            token.set_span(self.at);
            token
        };
        let message = TokenTree::from(Literal::string(&self.message));
        let arguments = TokenTree::from(Group::new(Delimiter::Brace, TokenStream::from(spanned(message))));
        let mut tokens = path(&["core", "compile_error"], self.at);
        tokens.extend([spanned(Punct::new('!', Spacing::Alone).into()), spanned(arguments)]);
        tokens
    }
}

/// A domain hook: `fn evaluate(point: &str, entity: Entity) -> Result<Verdict, HookError>`.
#[proc_macro_attribute]
pub fn domain_hook(arguments: TokenStream, item: TokenStream) -> TokenStream {
    hook("__domain_hook", "fn evaluate(point: &str, entity: Entity) -> Result<Verdict, HookError>", arguments, item)
}

/// A process hook: `fn run(task: &str, variables: Variables) -> Result<Output, HookError>`.
///
/// The output is a flat JSON object of variables to set; null clears one.
#[proc_macro_attribute]
pub fn process_hook(arguments: TokenStream, item: TokenStream) -> TokenStream {
    hook("__process_hook", "fn run(task: &str, variables: Variables) -> Result<Output, HookError>", arguments, item)
}

/// An agent tool: `fn call(arguments: Arguments) -> Result<Output, HookError>`.
///
/// `name` and `description` are what a model sees; `input` and `output` are
/// files with JSON schemas, relative to the extension's folder:
/// `#[agent_tool(name = "vat", description = "...", input = "schemas/input.json", output = "schemas/output.json")]`
#[proc_macro_attribute]
pub fn agent_tool(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let expanded = ToolArguments::parse(arguments).and_then(|described| {
        let function = Function::parse(item.clone(), 1, "fn call(arguments: Arguments) -> Result<Output, HookError>")?;
        Ok(export("__agent_tool", function, described.into_literals()))
    });
    beside(item, expanded)
}

fn hook(macro_name: &str, form: &str, arguments: TokenStream, item: TokenStream) -> TokenStream {
    let expanded = match arguments.into_iter().next() {
        Some(token) => Err(Refusal::new(token.span(), "this attribute takes no arguments")),
        None => Function::parse(item.clone(), 2, form).map(|function| export(macro_name, function, Vec::new())),
    };
    beside(item, expanded)
}

/// The item as it was, then what it expands to.
fn beside(item: TokenStream, expanded: Result<TokenStream, Refusal>) -> TokenStream {
    let mut tokens = item;
    tokens.extend(expanded.unwrap_or_else(Refusal::into_compile_error));
    tokens
}

/// `::ameide_extension::macro_name! { function, Input, literals... }`
fn export(macro_name: &str, function: Function, literals: Vec<Literal>) -> TokenStream {
    let mut arguments = TokenStream::from(TokenTree::from(function.name));
    arguments.extend([TokenTree::from(comma())]);
    arguments.extend(function.input);
    for literal in literals {
        arguments.extend([TokenTree::from(comma()), literal.into()]);
    }
    let mut tokens = path(&["ameide_extension", macro_name], Span::call_site());
    tokens.extend([TokenTree::from(Punct::new('!', Spacing::Alone)), Group::new(Delimiter::Brace, arguments).into()]);
    tokens
}

fn path(words: &[&str], at: Span) -> TokenStream {
    let mut tokens = Vec::new();
    for word in words {
        tokens.extend([Punct::new(':', Spacing::Joint), Punct::new(':', Spacing::Alone)].map(TokenTree::from));
        tokens.push(Ident::new(word, at).into());
    }
    for token in &mut tokens {
        token.set_span(at);
    }
    tokens.into_iter().collect()
}

fn comma() -> Punct {
    Punct::new(',', Spacing::Alone)
}
