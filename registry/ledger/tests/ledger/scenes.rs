//! Every command in a world where it goes, and one where it does not.

use extensions_artifact::Owned;
use extensions_registry_core::{Action, Caller, Command, Finding, Pin};
use extensions_types::{Environment, RiskTier};

use crate::kit::{Driver, World, command, draft, label, operator, owned, person, registry};

/// A command, the world before it, and whether it goes.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) world: World,
    pub(crate) of: Owned,
    pub(crate) command: Command,
    pub(crate) caller: Caller,
    pub(crate) goes: bool,
}

/// Two released versions of tier low, the first retired nowhere; version 3 is
/// built only, version 4 of tier medium is submitted for staging, version 5
/// asks for a waiver, version 6 is a draft that is being compiled.
async fn world(of: &Owned) -> World {
    let world = World::new();
    let mut driver = Driver::new(world.ledger(), of.clone());
    let one = driver.build(RiskTier::Low).await;
    driver.release(one, Environment::Prod).await;
    let two = driver.build(RiskTier::Low).await;
    driver.release(two, Environment::Prod).await;
    driver.build(RiskTier::Low).await;
    let four = driver.build(RiskTier::Medium).await;
    driver.must(&person("ann"), Action::Submit { version: four, to: Environment::Staging }).await;
    let five = driver.create(RiskTier::Low).await;
    driver.must(&person("ann"), Action::RequestWaiver { version: five, finding: label("secret") }).await;
    let six = driver.create(RiskTier::Low).await;
    driver.must(&person("ann"), Action::RequestCompile { version: six }).await;
    let made = crate::kit::described(of, six, RiskTier::Low);
    driver.ledger.put_built(of, six, crate::kit::component(six), &made).await.unwrap();
    world
}

fn v(number: u64) -> extensions_types::Version {
    crate::kit::version(number)
}

/// Every kind of command, some with several faces.
fn all(of: &Owned) -> Vec<(&'static str, Caller, Action, bool)> {
    use Environment::{Dev, Prod, Staging};
    let finding = Finding::new("build", "rustc", "no", "");
    vec![
        ("create", person("ann"), draft(RiskTier::Low, "new"), true),
        ("request compile", person("ann"), Action::RequestCompile { version: v(5) }, true),
        ("report built", registry(), crate::kit::built(of, v(6), RiskTier::Low, 1), true),
        ("report failed", registry(), Action::ReportFailed { version: v(6), attempt: 1, findings: vec![finding] }, true),
        ("submit", person("ann"), Action::Submit { version: v(3), to: Staging }, true),
        ("approve", person("ruth"), Action::Approve { version: v(4), to: Staging, digest: None }, true),
        ("reject", person("ruth"), Action::Reject { version: v(4), to: Staging }, true),
        ("promote to dev", person("rita"), Action::Promote { version: v(3), env: Dev }, true),
        ("promote to prod", person("rita"), Action::Promote { version: v(1), env: Prod }, true),
        ("roll back", person("rita"), Action::RollBack { env: Prod, to: v(1) }, true),
        ("pin", person("rita"), Action::Pin { env: Prod, pin: Pin::Caller(label("orders")), version: Some(v(1)) }, true),
        ("disable", person("rita"), Action::SetEnabled { env: Prod, enabled: false }, true),
        ("retire", person("rita"), Action::Retire { version: v(1) }, true),
        ("request waiver", person("ann"), Action::RequestWaiver { version: v(3), finding: label("secret") }, true),
        ("grant waiver", person("ruth"), Action::GrantWaiver { version: v(5), finding: label("secret") }, true),
        ("delete source", registry(), Action::DeleteSource { version: v(3) }, true),
        ("delete version", registry(), Action::DeleteVersion { version: v(3) }, true),
        ("promote again", person("rita"), Action::Promote { version: v(2), env: Prod }, true),
        ("skip an environment", person("rita"), Action::Promote { version: v(3), env: Prod }, false),
        ("approve one's own", person("ann"), Action::Approve { version: v(4), to: Staging, digest: None }, false),
        ("retire what is served", person("rita"), Action::Retire { version: v(2) }, false),
        ("lower a tier as a tenant", person("rita"), Action::LowerTier { to: RiskTier::Low }, false),
        ("promote as an operator", operator(), Action::Promote { version: v(3), env: Dev }, false),
    ]
}

/// All scenes, each with a world of its own.
pub(crate) async fn scenes() -> Vec<Scene> {
    let of = owned("order-check");
    let template = world(&of).await;
    let mut scenes = Vec::new();
    for (name, caller, action, goes) in all(&of) {
        let command = command("the-command", action);
        scenes.push(Scene { name, world: template.copy().await, of: of.clone(), command, caller, goes });
    }
    scenes
}
