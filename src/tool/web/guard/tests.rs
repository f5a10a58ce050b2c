use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;

use super::*;
use crate::{
    model::{AccessClass, Effect, Permission, ToolName, ToolSpec, Value},
    tool::{CallContext, Grants, Level, Policy, Rules, Tool, ToolOutput, Verdict},
};

/// A tool that touches nothing by itself, so that a call of it is held to its rules and grants only.
#[derive(Debug)]
struct Idle(ToolSpec);

#[async_trait]
impl Tool for Idle {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    fn reach(&self) -> &[AccessClass] {
        &[AccessClass::Net]
    }

    fn accesses(&self, _arguments: &Value) -> Result<Vec<Access>> {
        Ok(Vec::new())
    }

    async fn call(&self, _call: Authorized<ToolCall>, _context: &CallContext<'_>) -> Result<ToolOutput> {
        Ok(ToolOutput::default())
    }
}

/// A call under an operator and a workflow that both permit `permissions`.
fn call(permissions: &[&str]) -> Authorized<ToolCall> {
    let name = ToolName::new("idle").unwrap();
    let parameters = json!({"type": "object"});
    let tool = Idle(ToolSpec { name: name.clone(), description: String::new(), parameters, effect: Effect::Read });
    let permissions: Vec<Permission> = permissions.iter().map(|text| text.parse().unwrap()).collect();
    let levels = vec![Level { owner: "the workflow".to_owned(), permissions: permissions.clone() }];
    let grants = Arc::new(Grants { levels, always_ask: false });
    let policy = Policy::new(Rules { allow: permissions, ..Rules::default() });
    match policy.authorize(&tool, ToolCall { tool: name, arguments: json!({}) }, &grants, None).unwrap() {
        Verdict::Allowed { call, .. } => call,
        other => panic!("{other:?}"),
    }
}

/// What comes of `url` where every host is permitted by a pattern, and none by name.
fn permit(url: &str) -> Result<Trust> {
    Target::parse(url)?.permit(&call(&["net:*", "net:http://*"]))
}

#[track_caller]
fn check_denied(url: &str) {
    match permit(url) {
        Err(error) if error.kind() == ErrorKind::Denied => {
            assert!(error.message().contains("is not on the public network"), "{url}: {error}");
        }
        other => panic!("{url}: {other:?}"),
    }
}

#[track_caller]
fn check_invalid(url: &str) {
    match Target::parse(url) {
        Err(error) if error.kind() == ErrorKind::Invalid => {}
        other => panic!("{url}: {other:?}"),
    }
}

#[test]
fn cve_2026_2286_addresses_in_other_writings_are_the_same_addresses() {
    for url in [
        "http://2130706433",
        "http://0x7f000001",
        "http://0x7f.1",
        "http://0177.0.0.1",
        "http://127.1",
        "http://127.0.1",
        "http://①②⑦.0.0.1",
        "http://127。0。0。1",
        "http://127.0.0.1.",
        "http://%31%32%37.0.0.1",
        "http://017700000001",
    ] {
        let target = Target::parse(url).unwrap();
        assert_eq!(target.access(), &Access::Net { secure: false, host: "127.0.0.1".to_owned(), port: 80 }, "{url}");
        check_denied(url);
    }
    assert_eq!(Target::parse("http://0/").unwrap().access().to_string(), "net:http://0.0.0.0");
    check_denied("http://0/");
}

#[test]
fn cve_2025_56520_private_and_special_addresses_are_refused() {
    for url in [
        "https://10.0.0.1",
        "https://172.16.0.1",
        "https://192.168.0.1",
        "https://100.64.0.1",
        "https://169.254.169.254/latest/meta-data/",
        "https://168.63.129.16/",
        "https://198.18.0.1",
        "https://224.0.0.1",
        "https://255.255.255.255",
        "https://[::1]",
        "https://[::]",
        "https://[fe80::1]",
        "https://[fc00::1]",
        "https://[fec0::1]",
        "https://[ff02::1]",
        "https://[2001::1]",
    ] {
        check_denied(url);
    }
    assert_eq!(permit("https://1.1.1.1").unwrap(), Trust::Public);
    assert_eq!(permit("https://[2606:4700::1111]").unwrap(), Trust::Public);
}

#[test]
fn an_ipv4_address_wrapped_in_an_ipv6_one_is_unwrapped() {
    for url in [
        "https://[::ffff:127.0.0.1]",
        "https://[::ffff:7f00:1]",
        "https://[64:ff9b::7f00:1]",
        "https://[2002:7f00:1::]",
        "https://[::127.0.0.1]",
        "https://[64:ff9b::169.254.169.254]",
    ] {
        check_denied(url);
    }
}

#[test]
fn names_of_the_inside_are_refused() {
    for url in [
        "https://localhost",
        "https://LOCALHOST.",
        "https://a.localhost",
        "https://metadata.google.internal/computeMetadata/v1/",
        "https://vault.service.internal",
        "https://printer.local",
        "https://metadata",
        "https://kubernetes.default.svc",
        "https://router.home.arpa",
    ] {
        check_denied(url);
    }
    assert_eq!(permit("https://localhost.example.com").unwrap(), Trust::Public);
    assert_eq!(permit("https://internal.example.com").unwrap(), Trust::Public);
}

#[test]
fn a_host_that_the_operator_names_may_be_on_the_inside() {
    let named = call(&["net:http://127.0.0.1:8080", "net:wiki.internal", "net:*"]);
    let permit = |url: &str| Target::parse(url).unwrap().permit(&named).map_err(|error| error.kind());
    assert_eq!(permit("http://127.1:8080/x"), Ok(Trust::Named));
    assert_eq!(permit("https://wiki.internal./x"), Ok(Trust::Named));
    // Another port, another scheme, another writing that is another address.
    assert_eq!(permit("http://127.0.0.1:8081"), Err(ErrorKind::Denied));
    assert_eq!(permit("https://127.0.0.1:8080"), Err(ErrorKind::Denied));
    assert_eq!(permit("http://[::ffff:127.0.0.1]:8080"), Err(ErrorKind::Denied));
    assert_eq!(permit("https://hr.internal"), Err(ErrorKind::Denied));
    assert_eq!(permit("https://127.0.0.1"), Err(ErrorKind::Denied));
}

#[test]
fn what_no_rule_permits_is_refused_before_anything_else() {
    let call = call(&["net:example.com"]);
    for url in ["http://example.com", "https://example.com:8443", "https://evil-example.com", "https://example.com.evil.io"] {
        let error = Target::parse(url).unwrap().permit(&call).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{url}");
        assert!(error.message().contains("is not permitted"), "{url}: {error}");
    }
}

#[test]
fn a_null_byte_host_is_refused() {
    for url in [
        "https://127.0.0.1\u{0}.example.com",
        "https://evil.com\u{0}.example.com",
        "https://evil.com%00.example.com",
        "https://exam\nple.com",
        "https://exa\tmple.com",
        "https://example.com\r\nhost: evil",
        "https://example.com/\u{85}",
    ] {
        check_invalid(url);
    }
}

#[test]
fn credentials_in_a_url_are_refused() {
    for url in
        ["https://user:pass@example.com", "https://user@example.com", "https://:pass@example.com", "https://a@b@example.com"]
    {
        check_invalid(url);
    }
}

#[test]
fn a_backslash_ends_the_host_as_in_browsers() {
    let target = Target::parse("https://evil.example\\@127.0.0.1/").unwrap();
    assert_eq!(target.access().to_string(), "net:evil.example");
    assert_eq!(target.url().host_str(), Some("evil.example"));
}

#[test]
fn zone_ids_other_schemes_and_odd_hosts_are_refused() {
    for url in [
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "file:///etc/passwd",
        "gopher://example.com",
        "ftp://example.com",
        "data:text/plain,x",
        "javascript:alert(1)",
        "https://",
        "https:///",
        "//example.com",
        "example.com",
        "",
        "https://a..b",
        "https://example.com..",
        "https://.example.com",
        "https://exa mple.com",
        "https://ex*mple.com",
        "https://example.com:0",
        "https://example.com:65536",
        "https://1.2.3.4.5",
        "https://256.1.1.1",
    ] {
        check_invalid(url);
    }
}

#[test]
fn a_last_dot_is_taken_off_before_the_name_is_compared_and_dialled() {
    let target = Target::parse("https://API.Example.com.:443/a?b#c").unwrap();
    assert_eq!(target.url().as_str(), "https://api.example.com/a?b");
    assert_eq!(target.access().to_string(), "net:api.example.com");
}

#[test]
fn other_letters_of_a_name_are_compared_in_one_writing() {
    let target = Target::parse("https://ＥＸＡＭＰＬＥ.com").unwrap();
    assert_eq!(target.access().to_string(), "net:example.com");
    // A letter that only looks the same makes another name.
    assert_eq!(Target::parse("https://еxample.com").unwrap().access().to_string(), "net:xn--xample-2of.com");
}

#[test]
fn a_redirect_is_read_as_a_url_is() {
    let from = Target::parse("https://example.com/a/b?c").unwrap();
    let to = |location: &str| from.join(location).map(|target| target.url().to_string()).map_err(|error| error.kind());
    assert_eq!(to("../d").unwrap(), "https://example.com/d");
    assert_eq!(to("//other.example/x").unwrap(), "https://other.example/x");
    assert_eq!(to("http://127.1/").unwrap(), "http://127.0.0.1/");
    assert_eq!(to("https://u:p@example.com/"), Err(ErrorKind::Invalid));
    assert_eq!(to("file:///etc/passwd"), Err(ErrorKind::Invalid));
    assert_eq!(to("https://a\u{0}b/"), Err(ErrorKind::Malformed));
}

#[test]
fn messages_about_urls_do_not_tell_their_queries() {
    let error = Target::parse("nonsense?token=s3cret").unwrap_err();
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    assert_eq!(Target::parse("https://example.com:8443/x?token=s3cret").unwrap().origin(), "https://example.com:8443");
}
