use super::*;

fn fault(kind: FaultKind, at: &str, after: u32, times: u32) -> Fault {
    let at = (!at.is_empty()).then(|| at.to_owned());
    Fault { kind, at, after, times, retry_after: None, delay: Duration::ZERO }
}

/// Which of `calls` calls at the site go wrong.
fn met(fault: Fault, node: &str, agent: Option<&str>, tool: Option<&str>) -> Vec<usize> {
    let faults = Faults::new(vec![fault]);
    let node = NodePath::new(node);
    let site = Site { node: &node, agent, model: agent.map(|_| "openai/gpt-5"), tool };
    (0..5).filter(|_| faults.meet(site).is_some() || faults.denies(site).is_some()).collect()
}

#[test]
fn a_fault_counts_the_calls_it_is_about() {
    assert_eq!(met(fault(FaultKind::RateLimit, "", 1, 2), "a", Some("x"), None), [1, 2]);
    assert_eq!(met(fault(FaultKind::RateLimit, "a", 0, 1), "a[3]", Some("x"), None), [0]);
    assert_eq!(met(fault(FaultKind::RateLimit, "a", 0, 1), "a.b", Some("x"), None), [0; 0]);
    assert_eq!(met(fault(FaultKind::RateLimit, "a", 0, 9), "a@2.a", Some("x"), None).len(), 5);
    assert_eq!(met(fault(FaultKind::RateLimit, "openai/gpt-5", 4, 9), "a", Some("x"), None), [4]);
    assert_eq!(met(fault(FaultKind::RateLimit, "x", 0, 1), "a", Some("x"), None), [0]);
    assert_eq!(met(fault(FaultKind::RateLimit, "y", 0, 1), "a", Some("x"), None), [0; 0]);
}

#[test]
fn faults_of_models_and_of_tools_are_told_apart() {
    // A model that calls a tool at a node: the fault at the node is the model's.
    assert_eq!(met(fault(FaultKind::Connection, "a", 0, 1), "a", Some("x"), Some("search")), [0; 0]);
    assert_eq!(met(fault(FaultKind::Connection, "search", 0, 1), "a", Some("x"), Some("search")), [0]);
    assert_eq!(met(fault(FaultKind::Denied, "a", 0, 1), "a", Some("x"), Some("search")), [0]);
    assert_eq!(met(fault(FaultKind::Denied, "x", 0, 1), "a", Some("x"), Some("search")), [0]);
    assert_eq!(met(fault(FaultKind::Denied, "", 0, 1), "a", Some("x"), None), [0; 0]);
    assert_eq!(met(fault(FaultKind::Refused, "", 0, 1), "a", None, Some("search")), [0; 0]);
    assert_eq!(met(fault(FaultKind::Connection, "a", 0, 1), "a", None, Some("search")), [0]);
}

#[test]
fn each_kind_is_an_error_of_its_own_kind() {
    let node = NodePath::new("a");
    let site = Site { node: &node, agent: Some("x"), model: Some("openai/gpt-5"), tool: None };
    let kind = |word: &str| fault(FaultKind::from_word(word).unwrap(), "", 0, 1).error(site).map(|error| error.kind());
    assert_eq!(kind("rate_limit"), Some(ErrorKind::Throttle));
    assert_eq!(kind("overloaded"), Some(ErrorKind::Overloaded));
    assert_eq!(kind("unavailable"), Some(ErrorKind::Transient));
    assert_eq!(kind("connection"), Some(ErrorKind::Transient));
    assert_eq!(kind("malformed"), Some(ErrorKind::Malformed));
    assert_eq!(kind("truncated"), Some(ErrorKind::Truncated));
    assert_eq!(kind("refused"), Some(ErrorKind::Refused));
    assert_eq!(kind("quota"), Some(ErrorKind::Quota));
    assert_eq!(kind("auth"), Some(ErrorKind::Auth));
    assert_eq!(kind("denied"), Some(ErrorKind::Denied));
    assert_eq!((kind("timeout"), kind("slow"), kind("crash")), (None, None, None));
    assert!(FaultKind::from_word("flood").is_none());
}

#[test]
fn two_faults_at_one_place_follow_each_other() {
    let faults = Faults::new(vec![fault(FaultKind::RateLimit, "a", 0, 1), fault(FaultKind::Auth, "a", 1, 1)]);
    let node = NodePath::new("a");
    let site = Site { node: &node, agent: Some("x"), model: Some("m/n"), tool: None };
    let kinds: Vec<_> = (0..3).map(|_| faults.meet(site).map(|fault| fault.kind)).collect();
    assert_eq!(kinds, [Some(FaultKind::RateLimit), Some(FaultKind::Auth), None]);
}
