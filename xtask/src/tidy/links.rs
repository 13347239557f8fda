//! Markdown: links inside the repository lead somewhere, and so do paths named
//! in `code` whose first part is one of our folders. Pages that code refers its
//! reader to exist. Addresses are not visited.

use super::tree::Tree;
use crate::finding::Finding;

const PAGES: &str = "docs/";

/// Checks one page.
pub(super) fn check(tree: &Tree, path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in prose(text) {
        for target in link_targets(line) {
            if let Some(problem) = broken(tree, path, target) {
                findings.push(Finding::new(path, "links", problem, "mend the link or what it leads to").at(number));
            }
        }
        for code in code_spans(line).filter(|code| is_path_of_ours(tree, code) && !tree.has(code.trim_end_matches('/'))) {
            findings.push(Finding::new(path, "links", format!("there is no {code}"), "name the file where it stands now").at(number));
        }
    }
    findings
}

/// Checks one file of another form: the pages of docs/ that it names.
pub(super) fn check_mentions(tree: &Tree, path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for (at, _) in line.match_indices(PAGES).filter(|&(at, _)| !line[..at].ends_with(is_path_char)) {
            let page = line[at..].split(|c| !is_path_char(c)).next().unwrap_or_default().trim_end_matches(['.', '/']);
            if page.ends_with(".md") && !tree.has(page) {
                findings
                    .push(Finding::new(path, "links", format!("there is no {page}"), "write it, or name the page that says it now").at(number + 1));
            }
        }
    }
    findings
}

/// Lines outside of fenced blocks, counted from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((number + 1, line))
    })
}

/// What looks like a link inside of `code` is none.
fn link_targets(line: &str) -> impl Iterator<Item = &str> {
    let outside_of_code = |at: usize| line[..at].matches('`').count().is_multiple_of(2);
    let targets = line.match_indices("](").filter(move |&(at, _)| outside_of_code(at)).map(|(at, mark)| &line[at + mark.len()..]);
    targets.filter_map(|rest| rest.split([')', ' ']).next()).map(|target| target.trim_matches(['<', '>']))
}

fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn broken(tree: &Tree, page: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let Some(path) = (if file.is_empty() { Some(page.to_owned()) } else { resolve(page, file) }) else {
        return Some(format!("the link {target} leads out of the repository"));
    };
    if !tree.has(&path) {
        return Some(format!("the link {target} leads nowhere"));
    }
    let anchor = anchor?;
    let headings = tree.text(&path).map(slugs).unwrap_or_default();
    (!headings.iter().any(|slug| slug == anchor)).then(|| format!("{path} has no heading for #{anchor}"))
}

/// The path that a relative link means; none where it leaves the tree.
fn resolve(page: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// Headings as anchors: lower case, blanks as hyphens, punctuation dropped.
fn slugs(text: &str) -> Vec<String> {
    let headings = prose(text).filter_map(|(_, line)| line.strip_prefix('#').map(|rest| rest.trim_start_matches('#').trim()));
    let slug = |heading: &str| {
        let kept = heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_')).collect::<String>();
        kept.replace(' ', "-")
    };
    headings.map(slug).collect()
}

/// Whether a piece of code reads as a path below one of our folders. Patterns and commands do not.
fn is_path_of_ours(tree: &Tree, code: &str) -> bool {
    code.chars().all(is_path_char) && code.split_once('/').is_some_and(|(folder, _)| !folder.is_empty() && tree.has(folder))
}

fn is_path_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-/".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        Tree::of(&[("README.md", "# Hello, World!\n"), ("pages/a.md", "## Part_1 of 2\n"), ("host/src/lib.rs", "")])
    }

    fn problems(page: &str, text: &str) -> Vec<String> {
        check(&tree(), page, text).into_iter().map(|finding| finding.problem).collect()
    }

    #[test]
    fn links_resolve_from_their_page() {
        let good = "[a](pages/a.md) [b](pages/) [c](#hello-world) [d](https://x.example/y) [e](pages/a.md#part_1-of-2)\n";
        assert!(problems("README.md", good).is_empty());
        assert!(problems("README.md", "`call[Order](x)` [`a`](pages/a.md)").is_empty());
        assert!(problems("pages/a.md", "[up](../README.md \"title\") [b](../host/src/lib.rs)").is_empty());
        let bad = "[a](b.md) [c](../x.md) [d](pages/a.md#no)";
        let wanted = ["the link b.md leads nowhere", "the link ../x.md leads out of the repository", "pages/a.md has no heading for #no"];
        assert_eq!(problems("README.md", bad), wanted);
    }

    #[test]
    fn named_paths_exist() {
        assert!(problems("README.md", "`host/src/lib.rs` `host/src` `host/` `and/or` `host/*` `cargo x host/y`").is_empty());
        assert_eq!(problems("README.md", "`host/main.rs`"), ["there is no host/main.rs"]);
        assert!(problems("README.md", "```\n`host/main.rs` [x](y)\n```\n").is_empty());
    }

    #[test]
    fn pages_that_code_names_exist() {
        let line = |name: &str| format!("//! See {PAGES}{name}. Not https://x.example/{PAGES}{name}.\n");
        let tree = Tree::of(&[(&format!("{PAGES}here.md"), "")]);
        assert!(check_mentions(&tree, "a.rs", &line("here.md")).is_empty());
        let found = check_mentions(&tree, "a.rs", &line("gone.md"));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, Some(1));
    }
}
