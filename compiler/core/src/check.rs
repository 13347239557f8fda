//! The check itself: its steps in order. A step that finds something stops
//! only what cannot go on without it.

use extensions_types::{Kind, Waiver};

use crate::{
    componentize, conform, data,
    finding::{Finding, Findings},
    form::{self, Form, inspect},
    imports, plain, policy, prescan,
    prescan::Counts,
    report::{Facts, Report},
    sections,
    surface::Surface,
    validate,
};

/// What the component is meant to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expected<'w> {
    /// The kind that the definition names; any of the worlds when absent.
    pub kind: Option<Kind>,
    /// Whether the definition declares host calls.
    pub host_calls: bool,
    /// The memory that the definition allows, in MiB; not looked at when absent.
    pub memory_mb: Option<u32>,
    /// What the source asks to be excused from; see [`scan_files`](crate::secrets::scan_files).
    pub waivers: &'w [Waiver],
}

/// Checks a core module or a component and makes the component that may be served.
#[must_use]
pub fn check(bytes: &[u8], expected: Expected<'_>) -> Report {
    let mut findings = Findings::default();
    let Some(component) = component_of(bytes, expected, &mut findings) else {
        return Report::refused(findings);
    };
    let scan = prescan::component(&component);
    let surface = Surface::of_component(&component);
    let small = scan.findings.is_empty();
    findings.extend(scan.findings);
    // Types of what is too large are not looked at.
    let conformance = if small { conform::conform(&component, &surface, expected) } else { conform::Conformance::unseen() };
    let facts = Facts::of(&component, &surface, &scan.counts, &conformance);
    findings.extend(conformance.findings);
    findings.extend(policy::judge(&component, &scan.counts, expected));
    Report::of(component, facts, findings)
}

/// The component itself, or the one that the module describes; without debug sections.
fn component_of(bytes: &[u8], expected: Expected<'_>, findings: &mut Findings) -> Option<Vec<u8>> {
    let scan = prescan::input(bytes);
    findings.extend(scan.findings);
    if !findings.is_empty() {
        return None;
    }
    let form = inspect(bytes);
    let stripped = sections::without_debug(bytes);
    findings.extend(validate::validate(&stripped));
    if form == Form::ModuleWithWorld {
        findings.extend(imports::foreign(&stripped));
    }
    if findings.is_empty() {
        match made(form, &stripped) {
            Ok(component) => return Some(component.unwrap_or(stripped)),
            Err(reasons) => findings.extend(reasons),
        }
    } else if form == Form::Module {
        findings.add(form::undescribed());
    }
    rest(form, &stripped, &scan.counts, expected, findings);
    None
}

/// What `module` becomes; nothing new when it is a component.
fn made(form: Form, module: &[u8]) -> Result<Option<Vec<u8>>, Vec<Finding>> {
    match form {
        Form::Component => Ok(None),
        Form::ModuleWithWorld => componentize::componentize(&data::joined(module)).map(Some).map_err(|reason| vec![reason]),
        Form::PlainModule => plain::wrap(&data::joined(module)).map(Some),
        Form::Module => Err(vec![form::undescribed()]),
        Form::NotWasm => Err(vec![prescan::not_wasm()]),
    }
}

/// What can be said about bytes that give no component: names and policy.
fn rest(form: Form, bytes: &[u8], counts: &Counts, expected: Expected<'_>, findings: &mut Findings) {
    match form {
        Form::ModuleWithWorld => findings.extend(conform::names(&Surface::of_module(bytes), expected)),
        Form::Component => findings.extend(conform::names(&Surface::of_component(bytes), expected)),
        Form::PlainModule | Form::Module | Form::NotWasm => {}
    }
    findings.extend(policy::judge(bytes, counts, expected));
}
