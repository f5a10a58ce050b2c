//! The operator's rules, and what they say of one thing that a call touches.

use crate::model::{Access, AccessClass, Permission};

/// The operator's rules. What no rule permits is denied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Permitted.
    pub allow: Vec<Permission>,
    /// Permitted when a person says so, call by call. Stronger than `allow`.
    pub ask: Vec<Permission>,
    /// Denied, whatever else is written.
    pub deny: Vec<Permission>,
}

/// What the rules say of one thing, and the rule that says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing<'a> {
    /// Denied by this rule.
    Denied(&'a Permission),
    /// A person decides, by this rule.
    Ask(&'a Permission),
    /// Permitted by this rule.
    Allowed(&'a Permission),
    /// No rule is about it, and so it is denied.
    Unlisted,
}

impl Rules {
    /// What they say of `access`: `deny` is stronger than `ask`, and `ask` than `allow`.
    #[must_use]
    pub fn judge(&self, access: &Access) -> Standing<'_> {
        if let Some(rule) = self.deny.iter().find(|rule| rule.forbids(access)) {
            return Standing::Denied(rule);
        }
        if let Some(rule) = self.ask.iter().find(|rule| rule.covers(access)) {
            return Standing::Ask(rule);
        }
        self.allow.iter().find(|rule| rule.covers(access)).map_or(Standing::Unlisted, Standing::Allowed)
    }

    /// Adds other rules; none of them can take one of these away.
    pub fn extend(&mut self, other: Self) {
        self.allow.extend(other.allow);
        self.ask.extend(other.ask);
        self.deny.extend(other.deny);
    }

    /// Whether a rule that permits names exactly this host.
    pub(super) fn names_host(&self, access: &Access) -> bool {
        self.for_access(access).any(Permission::names_host)
    }

    /// The rules that permit `access`, perhaps after a question.
    pub(super) fn for_access(&self, access: &Access) -> impl Iterator<Item = &Permission> {
        self.allow.iter().chain(&self.ask).filter(move |rule| rule.covers(access))
    }

    /// Whether anything of a kind is permitted, perhaps after a question.
    pub(super) fn permit_some(&self, class: AccessClass) -> bool {
        self.allow.iter().chain(&self.ask).any(|rule| rule.class() == class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allow: &[&str], ask: &[&str], deny: &[&str]) -> Rules {
        let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Rules { allow: parse(allow), ask: parse(ask), deny: parse(deny) }
    }

    fn net(host: &str) -> Access {
        Access::Net { secure: true, host: host.to_owned(), port: 443 }
    }

    #[test]
    fn what_no_rule_is_about_is_unlisted() {
        assert_eq!(Rules::default().judge(&net("a.example")), Standing::Unlisted);
        assert_eq!(rules(&["net:b.example"], &[], &[]).judge(&net("a.example")), Standing::Unlisted);
    }

    #[test]
    fn deny_is_stronger_than_ask_and_ask_than_allow() {
        let all = rules(&["net:*"], &["net:a.example", "net:b.example"], &["net:a.example"]);
        assert_eq!(all.judge(&net("a.example")), Standing::Denied(&all.deny[0]));
        assert_eq!(all.judge(&net("b.example")), Standing::Ask(&all.ask[1]));
        assert_eq!(all.judge(&net("c.example")), Standing::Allowed(&all.allow[0]));
    }

    #[test]
    fn a_host_that_is_denied_is_denied_on_every_port_and_without_encryption() {
        let open = rules(&["net:*", "net:http://*", "net:*:8443"], &[], &["net:a.example", "net:b.example:8443"]);
        for (secure, port) in [(true, 443), (true, 8443), (false, 80)] {
            let access = Access::Net { secure, host: "a.example".to_owned(), port };
            assert_eq!(open.judge(&access), Standing::Denied(&open.deny[0]), "{access}");
        }
        assert_eq!(open.judge(&net("b.example")), Standing::Allowed(&open.allow[0]));
    }
}
