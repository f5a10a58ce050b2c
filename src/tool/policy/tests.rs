//! What the policy permits, over a tool that touches whatever its arguments say.

use std::sync::Arc;

use async_trait::async_trait;
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, prop_assert, prop_oneof, proptest},
};
use serde_json::json;

use super::{Approval, Authorized, Grants, Level, Policy, Rules, Verdict};
use crate::{
    error::{Error, ErrorKind, Result},
    model::{Access, AccessClass, Effect, Permission, Question, QuestionKind, ToolSpec},
    tool::{CallContext, Secrets, Tool, ToolCall, ToolOutput},
};

const KEY: &[u8] = b"key of a run";

/// Touches what `touches` says, host by host, and what `access` says.
#[derive(Debug)]
struct Toucher(ToolSpec);

fn toucher(effect: Effect) -> Toucher {
    Toucher(ToolSpec {
        name: "toucher".parse().unwrap(),
        description: String::new(),
        parameters: json!({ "type": "object" }),
        effect,
    })
}

#[async_trait]
impl Tool for Toucher {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    fn reach(&self) -> &[AccessClass] {
        &[AccessClass::Net]
    }

    fn accesses(&self, arguments: &crate::model::Value) -> Result<Vec<Access>> {
        let touches = arguments["touches"].as_array().cloned().unwrap_or_default();
        touches
            .iter()
            .map(|text| {
                let permission: Permission = text.as_str().unwrap_or_default().parse()?;
                permission.as_access().ok_or_else(|| Error::new(ErrorKind::Invalid, format!("`{text}` is no single thing")))
            })
            .collect()
    }

    async fn call(&self, call: Authorized<ToolCall>, _context: &CallContext<'_>) -> Result<ToolOutput> {
        Ok(ToolOutput::new(call.into_inner().arguments))
    }
}

fn permissions(texts: &[&str]) -> Vec<Permission> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn policy(allow: &[&str], ask: &[&str], deny: &[&str]) -> Policy {
    Policy::new(Rules { allow: permissions(allow), ask: permissions(ask), deny: permissions(deny) })
}

fn grants(levels: &[&[&str]]) -> Arc<Grants> {
    let levels =
        levels.iter().enumerate().map(|(at, texts)| Level { owner: format!("level {at}"), permissions: permissions(texts) });
    Arc::new(Grants { levels: levels.collect(), always_ask: false })
}

fn call(touches: &[&str]) -> ToolCall {
    ToolCall { tool: "toucher".parse().unwrap(), arguments: json!({ "touches": touches }) }
}

fn access(text: &str) -> Access {
    text.parse::<Permission>().unwrap().as_access().unwrap()
}

/// The verdict in a word, and why.
fn verdict(policy: &Policy, touches: &[&str], grants: &Arc<Grants>) -> (&'static str, String) {
    match policy.authorize(&toucher(Effect::Read), call(touches), grants, None).unwrap() {
        Verdict::Allowed { .. } => ("allowed", String::new()),
        Verdict::Ask { reason, .. } => ("ask", reason),
        Verdict::Denied(denial) => ("denied", Error::from(denial).message().to_owned()),
    }
}

#[track_caller]
fn allowed(policy: &Policy, call: ToolCall, grants: &Arc<Grants>, approval: Option<&Approval>) -> Authorized<ToolCall> {
    match policy.authorize(&toucher(Effect::Read), call, grants, approval).unwrap() {
        Verdict::Allowed { call, .. } => call,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_touches_nothing_needs_no_permission_and_all_else_is_denied_at_first() {
    assert_eq!(verdict(&Policy::default(), &[], &Arc::default()).0, "allowed");
    let asked = grants(&[&["net:*"]]);
    for touched in ["net:a.example", "fs:read:a", "fs:write:a", "run:git log", "mcp:gh/get", "secret:TOKEN"] {
        let (word, why) = verdict(&Policy::default(), &[touched], &asked);
        assert_eq!(word, "denied", "{touched}");
        assert!(why.starts_with(&format!("`{touched}` is not permitted: ")), "{why}");
    }
}

#[test]
fn what_nobody_asked_for_is_denied_though_the_operator_allows_it() {
    let open = policy(&["net:*"], &[], &[]);
    let (word, why) = verdict(&open, &["net:a.example"], &Arc::default());
    assert_eq!(word, "denied");
    assert!(why.ends_with("no workflow, agent or node asks for it under `permissions`"), "{why}");
}

#[test]
fn cve_2026_40149_policy_is_not_widened_by_a_workflow() {
    let closed = policy(&["net:a.example"], &[], &["run:rm"]);
    let greedy = grants(&[&["net:*", "run:rm", "run:sh", "fs:write:**"]]);
    assert_eq!(verdict(&closed, &["net:a.example"], &greedy).0, "allowed");
    for touched in ["net:b.example", "run:rm -rf", "run:sh", "fs:write:a"] {
        assert_eq!(verdict(&closed, &[touched], &greedy).0, "denied", "{touched}");
    }
}

#[test]
fn every_level_that_says_what_it_needs_has_to_ask() {
    let open = policy(&["net:*"], &[], &[]);
    let levels = grants(&[&["net:*"], &["net:*.example"], &["net:a.example", "net:c.test"]]);
    assert_eq!(verdict(&open, &["net:a.example"], &levels).0, "allowed");
    let (word, why) = verdict(&open, &["net:b.example"], &levels);
    assert_eq!((word, why.ends_with("level 2 does not ask for it under `permissions`")), ("denied", true), "{why}");
    let (word, why) = verdict(&open, &["net:c.test"], &levels);
    assert_eq!((word, why.ends_with("level 1 does not ask for it under `permissions`")), ("denied", true), "{why}");
}

#[test]
fn a_call_is_permitted_when_all_it_touches_is() {
    let rules = policy(&["net:a.example"], &["net:b.example"], &["net:c.example"]);
    let asked = grants(&[&["net:*"]]);
    assert_eq!(verdict(&rules, &["net:a.example"], &asked).0, "allowed");
    assert_eq!(verdict(&rules, &["net:a.example", "net:b.example"], &asked).0, "ask");
    assert_eq!(verdict(&rules, &["net:a.example", "net:b.example", "net:c.example"], &asked).0, "denied");
}

#[test]
fn an_approval_is_for_exactly_the_call_that_was_approved() {
    let asking = policy(&[], &["net:*"], &[]);
    let asked = grants(&[&["net:*"]]);
    let approved = call(&["net:a.example"]);
    let approval = Approval::new(approved.clone(), vec![access("net:a.example")]);
    allowed(&asking, approved.clone(), &asked, Some(&approval));
    let tool = toucher(Effect::Read);
    let asks = |call: ToolCall, approval: &Approval| {
        matches!(asking.authorize(&tool, call, &asked, Some(approval)).unwrap(), Verdict::Ask { .. })
    };
    assert!(asks(call(&["net:b.example"]), &approval), "another host");
    let mut more = approved.clone();
    more.arguments["body"] = json!("more");
    assert!(asks(more, &approval), "other arguments");
    let mut other = approved.clone();
    other.tool = "http_get".parse().unwrap();
    assert!(asks(other, &approval), "another tool");
    let less_was_shown = Approval::new(approved.clone(), Vec::new());
    assert!(asks(approved, &less_was_shown), "it touches more than was shown");
}

#[test]
fn an_approval_comes_from_a_question_about_permission_only() {
    let mut question = Question {
        kind: QuestionKind::Permission,
        tool: "toucher".to_owned(),
        arguments: json!({ "touches": ["net:a.example"] }),
        effect: Effect::Read,
        accesses: vec![access("net:a.example")],
        reason: String::new(),
        gate: None,
    };
    let asking = policy(&[], &["net:*"], &[]);
    let approval = Approval::of(&question).unwrap();
    allowed(&asking, call(&["net:a.example"]), &grants(&[&["net:*"]]), Some(&approval));
    question.kind = QuestionKind::Ambiguous;
    assert_eq!(Approval::of(&question), None);
}

#[test]
fn an_approval_does_not_reach_what_turns_up_later() {
    let asking = policy(&["net:d.example"], &["net:*"], &["net:c.example"]);
    let asked = grants(&[&["net:a.example", "net:b.example", "net:c.example", "net:d.example"]]);
    let approval = Approval::new(call(&["net:a.example"]), vec![access("net:a.example")]);
    let call = allowed(&asking, call(&["net:a.example"]), &asked, Some(&approval));
    let told = |text: &str| call.check(&access(text)).map_err(|err| err.message().to_owned());
    assert_eq!(told("net:a.example"), Ok(()));
    assert!(told("net:b.example").unwrap_err().contains("nobody was asked about it before the call"));
    assert!(told("net:c.example").unwrap_err().contains("the policy denies `net:c.example`"));
    assert!(told("net:e.example").unwrap_err().contains("level 0 does not ask for it"));
    assert!(told("net:d.example").unwrap_err().contains("nobody was asked"), "`ask` is stronger than `allow`");
}

#[test]
fn cve_2025_31491_a_redirect_is_permitted_by_itself() {
    let call = allowed(&policy(&["net:a.example"], &[], &[]), call(&["net:a.example"]), &grants(&[&["net:*"]]), None);
    call.check(&access("net:a.example")).unwrap();
    for elsewhere in ["net:b.example", "net:http://a.example", "net:a.example:8443"] {
        assert_eq!(call.check(&access(elsewhere)).unwrap_err().kind(), ErrorKind::Denied, "{elsewhere}");
    }
}

#[test]
fn a_workflow_can_have_a_person_approve_what_changes_something_or_goes_out() {
    let open = policy(&["net:*", "fs:read:**"], &[], &[]);
    let mut asked = (*grants(&[&["net:*", "fs:read:**"]])).clone();
    asked.always_ask = true;
    let asked = Arc::new(asked);
    assert_eq!(verdict(&open, &["fs:read:a"], &asked).0, "allowed");
    assert_eq!(verdict(&open, &["net:a.example"], &asked).0, "ask");
    let writes = open.authorize(&toucher(Effect::Write), call(&["fs:read:a"]), &asked, None).unwrap();
    assert!(matches!(writes, Verdict::Ask { .. }));
    // And then it goes where the person saw it go.
    let approval = Approval::new(call(&["net:a.example"]), vec![access("net:a.example")]);
    let call = allowed(&open, call(&["net:a.example"]), &asked, Some(&approval));
    call.check(&access("fs:read:b")).unwrap();
    assert_eq!(call.check(&access("net:b.example")).unwrap_err().kind(), ErrorKind::Denied);
}

#[test]
fn only_the_operator_names_hosts_that_are_not_public() {
    let local = access("net:http://127.0.0.1:8080");
    let names = |allow: &[&str], levels: &[&[&str]]| {
        allowed(&policy(allow, &[], &[]), call(&[]), &grants(levels), None).names_host(&local)
    };
    assert!(names(&["net:http://127.0.0.1:8080"], &[]));
    assert!(!names(&["net:http://*:8080"], &[&["net:http://127.0.0.1:8080"]]), "a workflow asks for it by name");
    assert!(!names(&["net:http://127.0.0.1:8081", "net:127.0.0.1"], &[]), "another port is another server");
}

#[test]
fn what_a_tool_lacks_is_known_before_it_is_called() {
    let reach = [AccessClass::Net];
    let lacks = |policy: &Policy, levels: &[&[&str]]| policy.lacks(&reach, &grants(levels)).map(|(_, why)| why);
    let open = policy(&["net:a.example"], &[], &[]);
    assert_eq!(lacks(&open, &[&["net:b.example"]]), None, "something of the kind is permitted");
    assert_eq!(open.lacks(&[], &Grants::default()), None, "it touches nothing");
    assert!(lacks(&open, &[]).unwrap().starts_with("no workflow, agent or node"));
    assert!(lacks(&open, &[&["net:*"], &["fs:read:a"]]).unwrap().starts_with("level 1 "));
    assert_eq!(
        lacks(&policy(&["fs:read:a"], &[], &["net:a"]), &[&["net:*"]]).unwrap(),
        "the policy permits nothing of that kind"
    );
    assert_eq!(lacks(&policy(&[], &["net:a"], &[]), &[&["net:*"]]), None, "it can be asked for");
}

fn with_secret(name: &str, host: &str) -> ToolCall {
    let placeholder = Secrets::placeholder(KEY, name);
    ToolCall { tool: "toucher".parse().unwrap(), arguments: json!({ "touches": [format!("net:{host}")], "key": placeholder }) }
}

fn secrets() -> Secrets {
    let mut secrets = Secrets::default();
    secrets.insert("TOKEN", "value-of-token".to_owned().into());
    secrets.insert("host", "evil.example".to_owned().into());
    secrets
}

#[test]
fn a_call_that_changes_something_and_touches_nothing_is_no_way_around_the_rules() {
    let everything = policy(&["net:*", "fs:write:**"], &[], &[]);
    let asked = grants(&[&["net:*", "fs:write:**"]]);
    for effect in [Effect::Idempotent, Effect::Write] {
        let verdict = everything.authorize(&toucher(effect), call(&[]), &asked, None).unwrap();
        assert!(matches!(&verdict, Verdict::Denied(denial) if denial.what == "toucher"), "{verdict:?}");
        // A person may permit what no rule can be about.
        let asking = Arc::new(Grants { always_ask: true, ..(*asked).clone() });
        let verdict = everything.authorize(&toucher(effect), call(&[]), &asking, None).unwrap();
        assert!(matches!(verdict, Verdict::Ask { .. }), "{verdict:?}");
        allowed_of(&everything, &toucher(effect), &asking);
        // Another run answers for what it does.
        let delegate = ToolCall { tool: "agent:critic".parse().unwrap(), ..call(&[]) };
        let verdict = everything.authorize(&toucher(effect), delegate, &asked, None).unwrap();
        assert!(matches!(verdict, Verdict::Allowed { .. }), "{verdict:?}");
    }
    for effect in [Effect::Pure, Effect::Read] {
        let verdict = everything.authorize(&toucher(effect), call(&[]), &asked, None).unwrap();
        assert!(matches!(verdict, Verdict::Allowed { .. }), "{verdict:?}");
    }
}

/// The call that touches nothing, approved by a person, is permitted.
fn allowed_of(policy: &Policy, tool: &Toucher, grants: &Arc<Grants>) {
    let approval = Approval::new(call(&[]), Vec::new());
    let verdict = policy.authorize(tool, call(&[]), grants, Some(&approval)).unwrap();
    assert!(matches!(verdict, Verdict::Allowed { .. }), "{verdict:?}");
}

#[test]
fn a_secret_is_put_into_a_call_that_may_have_it() {
    let open = policy(&["net:*", "secret:TOKEN"], &[], &[]);
    let permitted = allowed(&open, with_secret("TOKEN", "a.example"), &grants(&[&["net:*", "secret:TOKEN"]]), None);
    let call = permitted.reveal(&toucher(Effect::Read), &secrets(), KEY).unwrap();
    assert_eq!(call.arguments["key"], "value-of-token");
    assert!(!format!("{call:?}").contains("value-of-token"));
}

#[test]
fn what_a_model_made_up_like_a_secret_is_called_as_it_stands() {
    let open = policy(&["net:*", "secret:TOKEN"], &[], &[]);
    let mut made_up = with_secret("TOKEN", "a.example");
    made_up.arguments["key"] = Secrets::placeholder(b"key of another run", "TOKEN").into();
    let permitted = allowed(&open, made_up.clone(), &grants(&[&["net:*", "secret:TOKEN"]]), None);
    let call = permitted.reveal(&toucher(Effect::Read), &secrets(), KEY).unwrap();
    assert_eq!(call.arguments, made_up.arguments);
}

#[test]
fn a_secret_that_is_not_permitted_denies_the_call() {
    let asked = grants(&[&["net:*", "secret:TOKEN"]]);
    for (rules, levels) in [
        (policy(&["net:*"], &[], &[]), &asked),
        (policy(&["net:*", "secret:TOKEN"], &[], &["secret:TOKEN"]), &asked),
        (policy(&["net:*", "secret:TOKEN"], &[], &[]), &grants(&[&["net:*"]])),
    ] {
        let verdict = rules.authorize(&toucher(Effect::Read), with_secret("TOKEN", "a.example"), levels, None).unwrap();
        assert!(matches!(&verdict, Verdict::Denied(denial) if denial.what == "secret:TOKEN"), "{verdict:?}");
    }
}

#[test]
fn a_secret_that_decides_where_a_call_goes_is_judged_with_its_value() {
    let host = Secrets::placeholder(KEY, "host");
    let lured = ToolCall { tool: "toucher".parse().unwrap(), arguments: json!({ "touches": [format!("net:{host}")] }) };
    let asked = grants(&[&["net:*", "secret:host"]]);
    let reveal = |rules: &Policy, approval: Option<&Approval>| {
        allowed(rules, lured.clone(), &asked, approval).reveal(&toucher(Effect::Read), &secrets(), KEY)
    };
    let denied = reveal(&policy(&["net:*", "secret:host"], &[], &["net:evil.example"]), None).unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::Denied);
    assert!(!format!("{denied:?}").contains("evil"), "no error has a part of a secret: {denied:?}");
    reveal(&policy(&["net:*", "secret:host"], &[], &[]), None).unwrap();
    // What a person approved by the name of the secret is approved with its value.
    let asking = policy(&["secret:host"], &["net:*"], &[]);
    let approval = Approval::new(lured.clone(), vec![access(&format!("net:{host}")), access("secret:host")]);
    reveal(&asking, Some(&approval)).unwrap();
}

/// How much is permitted: 0 nothing, 1 after a question, 2 all.
fn degree(rules: &Rules, levels: &[Vec<Permission>], accesses: &[Access]) -> u8 {
    let texts: Vec<String> = accesses.iter().map(ToString::to_string).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let levels = levels.iter().map(|permissions| Level { owner: "a level".to_owned(), permissions: permissions.clone() });
    let grants = Arc::new(Grants { levels: levels.collect(), always_ask: false });
    match Policy::new(rules.clone()).authorize(&toucher(Effect::Read), call(&texts), &grants, None).unwrap() {
        Verdict::Denied(_) => 0,
        Verdict::Ask { .. } => 1,
        Verdict::Allowed { .. } => 2,
    }
}

fn some_permissions() -> impl Strategy<Value = Vec<Permission>> {
    let texts = [
        "net:*",
        "net:*.example",
        "net:a.example",
        "net:b.example",
        "net:a.example:8443",
        "net:http://*",
        "fs:read:**",
        "fs:read:docs/*",
        "fs:read:docs/a",
        "fs:write:**",
        "run:git",
        "run:git log",
        "run:git *",
        "mcp:gh",
        "mcp:gh/get_*",
        "secret:TOKEN",
    ];
    vec(prop_oneof![9 => (0..texts.len()).prop_map(move |at| texts[at]), 1 => Just("net:*")], 0..6)
        .prop_map(|texts| permissions(&texts))
}

fn some_accesses() -> impl Strategy<Value = Vec<Access>> {
    let texts = [
        "net:a.example",
        "net:b.example",
        "net:http://a.example",
        "net:a.example:8443",
        "fs:read:docs/a",
        "fs:read:x",
        "fs:write:docs/a",
        "run:git",
        "run:git log -n1",
        "run:rm",
        "mcp:gh/get_issue",
        "mcp:gh/set_issue",
        "secret:TOKEN",
    ];
    vec(0..texts.len(), 1..3).prop_map(move |chosen| chosen.into_iter().map(|at| access(texts[at])).collect())
}

proptest! {
    #[test]
    fn what_is_permitted_is_the_intersection(
        allow in some_permissions(),
        ask in some_permissions(),
        deny in some_permissions(),
        levels in vec(some_permissions(), 0..4),
        touched in some_accesses(),
        another in some_permissions(),
        gone in 0_usize..6,
    ) {
        let rules = Rules { allow, ask, deny };
        let now = degree(&rules, &levels, &touched);

        let all_ask = !levels.is_empty() && touched.iter().all(|access| {
            levels.iter().all(|level| level.iter().any(|permission| permission.covers(access)))
        });
        let some_rule = |rules: &[Permission], access: &Access| rules.iter().any(|rule| rule.covers(access));
        let operator_permits =
            touched.iter().all(|access| some_rule(&rules.allow, access) || some_rule(&rules.ask, access));
        let denied = touched.iter().any(|access| rules.deny.iter().any(|rule| rule.forbids(access)));
        prop_assert!((now > 0) == (all_ask && operator_permits && !denied));
        prop_assert!((now == 1) == (now > 0 && touched.iter().any(|access| some_rule(&rules.ask, access))));

        if !levels.is_empty() {
            let mut more = levels.clone();
            more.push(another.clone());
            prop_assert!(degree(&rules, &more, &touched) <= now, "a further level permits more");
        }
        if let Some(level) = levels.iter().position(|level| gone < level.len()) {
            let mut less = levels.clone();
            less[level].remove(gone);
            prop_assert!(degree(&rules, &less, &touched) <= now, "a permission less permits more");
        }
        if gone < rules.allow.len() {
            let mut less = rules.clone();
            less.allow.remove(gone);
            prop_assert!(degree(&less, &levels, &touched) <= now, "a rule less permits more");
        }
        let mut stricter = rules.clone();
        stricter.deny.extend(another);
        prop_assert!(degree(&stricter, &levels, &touched) <= now, "a denial more permits more");
    }
}
