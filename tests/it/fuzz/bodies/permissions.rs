//! Permissions as text: what is one stays the same when it is written and read again, and covers what it names.

use agentflow::model::Permission;

/// Two permissions, one a line.
pub(super) fn permission(bytes: &[u8]) {
    let Some(text) = super::text(bytes) else { return };
    let read: Vec<Permission> = text.lines().take(2).filter_map(|line| line.parse().ok()).collect();
    for permission in &read {
        let again: Permission = permission.to_string().parse().unwrap();
        assert_eq!(again, *permission);
        let Some(access) = permission.as_access() else { continue };
        assert!(permission.covers(&access), "`{permission}` names {access} and does not cover it");
        assert!(permission.forbids(&access), "`{permission}` names {access} and does not forbid it");
        for other in read.iter().filter(|other| other.covers(&access)) {
            assert!(other.forbids(&access), "`{other}` covers {access} and does not forbid it");
        }
    }
}
