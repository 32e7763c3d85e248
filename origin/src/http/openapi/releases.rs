//! Releases of rules.

use onhand_http::auth::Scope;
use onhand_wire::{
    Code, limits,
    release::Manifest,
    request::{Push, RollBack},
};
use serde_json::{Value, json};
use utoipa::openapi::{
    HttpMethod::{Get, Post},
    Object, ObjectBuilder,
    schema::Type,
};

use super::{
    answers::{ChangedRule, ManifestPage, RollBackPlan, RulePage, WholeRelease},
    call::{Call, call},
    catalogue::{cursor, limit},
};

const TAG: &str = "rules";
const AT: &str = "2026-01-31T09:30:00.000Z";
const DIGEST: &str = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";
const COMPONENT: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const SETTINGS: &str = "channels = [\"web\"]\n[config]\nhide_last = \"3\"\n";

pub(super) fn calls() -> Vec<Call> {
    vec![rules(), push(), manifests(), roll_back_plan(), roll_back(), in_force(), release()]
}

fn text(pattern: &str) -> Object {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).build()
}

fn named(call: Call) -> Call {
    call.path_of("rule", "The rule's name.", text("^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"))
}

fn manifest() -> Value {
    json!({
        "rule": "channel-buffer", "seq": 3, "change": "push", "at": AT, "actor": "ci", "correlation": "c-1",
        "full": {"digest": DIGEST, "component": COMPONENT, "world": "view", "stage": "full", "bytes": 118_000,
            "sequence": 1_769_851_800_000_u64},
        "next": null, "mark": 1_769_851_800_000_u64,
    })
}

fn with(member: &str, value: bool) -> Value {
    let mut example = manifest();
    example[member] = value.into();
    example
}

fn rules() -> Call {
    let call = call(TAG, Get, "/inventory/rules", "listRules")
        .needs(Scope::Operator)
        .says("What was pushed", "Each rule's releases in force; `announced`: every node has been told.");
    let example = json!({"items": [with("announced", true)], "next_cursor": null});
    limit(cursor(call)).answers::<RulePage>(200, "A page, by name.", example).refuses(&[Code::InvalidRequest])
}

fn push() -> Call {
    let says = "Stored and announced to every node, once it has got through what each of them asks: signature, sizes, \
                compilation, world and fixtures. Where releases must be signed, the signature covers all of the release, \
                and its sequence is above every one that the rule has had: what was signed before is not released again. A full release ends what ran beside the one before. What stands so \
                already changes nothing.";
    let body = json!({
        "component": "AGFzbQ0AAQA=", "next": false, "settings": SETTINGS, "signature": null, "fixtures": {},
    });
    named(call(TAG, Post, "/inventory/rules/{rule}/releases", "pushRelease"))
        .writes(Scope::Admin)
        .says("Release a rule", says)
        .body::<Push>(body)
        .reads(limits::RELEASE_BYTES)
        .answers::<ChangedRule>(200, "What is in force now; `new`: that it was not before.", with("new", true))
}

fn manifests() -> Call {
    let call = named(call(TAG, Get, "/inventory/rules/{rule}/releases", "readReleases"))
        .needs(Scope::Operator)
        .says("What was in force, and who changed it", "Pushes and roll backs.");
    limit(cursor(call))
        .answers::<ManifestPage>(200, "A page, newest first.", json!({"items": [manifest()], "next_cursor": null}))
        .refuses(&[Code::InvalidRequest, Code::NotFound])
}

fn roll_back_plan() -> Call {
    let says = "What is in force now (`seq`), and what a roll back would bring back: `full` and `next`, both null where \
                that is nothing. Whoever signs a roll back signs these, with sequences above `mark`.";
    let mut example = manifest();
    let then = example["full"].take();
    let example =
        json!({"rule": "channel-buffer", "seq": 3, "mark": 1_769_851_800_000_u64, "full": then, "next": null});
    named(call(TAG, Get, "/inventory/rules/{rule}/rollback", "readRollBack"))
        .needs(Scope::Operator)
        .says("What a roll back would bring back", says)
        .answers::<RollBackPlan>(200, "The plan.", example)
        .refuses(&[Code::NotFound])
}

fn roll_back() -> Call {
    let says = "As it was before the last push; again, as it was before that. Before the first there is nothing: the \
                built-in behaviour. Where releases must be signed, what comes back is signed anew, as the GET of this path \
                says; `seq` keeps it from going back from another state than was looked at.";
    named(call(TAG, Post, "/inventory/rules/{rule}/rollback", "rollBackRule"))
        .writes(Scope::Admin)
        .says("Bring the release before back", says)
        .optional_body::<RollBack>(json!({}))
        .answers::<ChangedRule>(200, "What is in force now.", with("new", true))
        .refuses(&[Code::NotFound])
}

fn in_force() -> Call {
    named(call(TAG, Get, "/internal/api/rules/manifests/{rule}", "getManifest"))
        .needs(Scope::Edge)
        .says("What is in force of a rule", "What nodes ask when they hear that a rule has changed.")
        .answers::<Manifest>(200, "Its last manifest.", manifest())
        .refuses(&[Code::NotFound])
}

fn release() -> Call {
    let example = json!({"component": "AGFzbQ0AAQA=", "settings": SETTINGS, "signature": null, "fixtures": {}});
    call(TAG, Get, "/internal/api/rules/releases/{digest}", "getRelease")
        .needs(Scope::Edge)
        .says("A release, whole", "What nodes fetch when they hear of it.")
        .path_of("digest", "SHA-256 over all of it, in hex.", text("^[0-9a-f]{64}$"))
        .answers::<WholeRelease>(200, "As it was pushed.", example)
        .refuses(&[Code::NotFound])
}
