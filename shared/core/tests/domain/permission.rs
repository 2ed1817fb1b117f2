//! Who may what: every role with its own job and with somebody else's, by every way of asking.

use jobtop_core::UserId;
use jobtop_core::access::{Identity, Role};
use jobtop_core::job::refusal::Code;
use jobtop_core::proto::channel::Channel;

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn ann(role: Role, may_assume: bool) -> Identity {
    Identity {
        user: user("ann"),
        role,
        may_assume,
        may_submit: false,
        may_manage: false,
        origin: None,
    }
}

#[test]
fn seeing_and_controlling() {
    for (role, owner, sees, controls) in [
        (Role::Viewer, "ann", true, false),
        (Role::Viewer, "bob", true, false),
        (Role::User, "ann", true, true),
        (Role::User, "bob", false, false),
        (Role::Admin, "ann", true, true),
        (Role::Admin, "bob", true, true),
    ] {
        let (who, owner) = (ann(role, false), user(owner));
        assert_eq!(who.sees(&owner), sees, "{role:?} {owner:?}");
        assert_eq!(who.controls(&owner), controls, "{role:?} {owner:?}");
        assert_eq!(who.check_sees(&owner).is_ok(), sees);
        let refused = who.check_controls(&owner, "pause").err();
        assert_eq!(refused.is_none(), controls);
        if let Some(refusal) = refused {
            assert_eq!(refusal.code, Code::Forbidden);
            assert_eq!(refusal.detail, "Insufficient permissions to pause this job");
        }
    }
}

#[test]
fn a_named_user_binds_only_where_it_may_be_named() {
    let bob = user("bob");
    let held = ann(Role::Admin, true).held_to(Some(&bob));
    assert_eq!((&held.user, held.role), (&bob, Role::User));
    assert!(!held.controls(&user("ann")));
    // It never widens: whom the system has identified stays who it is, whatever a request says.
    for role in [Role::Viewer, Role::User, Role::Admin] {
        assert_eq!(ann(role, false).held_to(Some(&bob)), ann(role, false));
        assert_eq!(ann(role, true).held_to(None), ann(role, true));
    }
}

#[test]
fn subscribing() {
    let id = "job_01JD8ZAAAAAAAAAAAAAAAAAAAA";
    for (role, channel, owner, may) in [
        (Role::User, "jobs".to_owned(), None, true),
        (Role::User, "alerts".to_owned(), None, true),
        (Role::User, "job:ann".to_owned(), None, true),
        (Role::User, "job:bob".to_owned(), None, false),
        (Role::Viewer, "job:bob".to_owned(), None, true),
        (Role::Admin, "job:bob".to_owned(), None, true),
        (Role::User, format!("job:{id}"), Some("ann"), true),
        (Role::User, format!("job:{id}"), Some("bob"), false),
        (Role::User, format!("log:{id}"), Some("bob"), false),
        (Role::Viewer, format!("log:{id}"), Some("bob"), true),
        // Before it exists nobody knows whose it will be; what is said of it later is judged then.
        (Role::User, format!("job:{id}"), None, true),
    ] {
        let topic = Channel::parse(&channel).unwrap().topic;
        let owner = owner.map(user);
        let allowed = ann(role, false).may_subscribe(&topic, owner.as_ref());
        assert_eq!(allowed, may, "{role:?} {channel} of {owner:?}");
    }
}

#[test]
fn the_storys_types_bring_their_steps() {
    for (job_type, first, count) in [
        ("csv_processing", "Validating file", 5),
        ("field_mapping", "Loading configuration", 5),
        ("api_upload", "Preparing data", 5),
        ("anything.else", "Processing", 1),
    ] {
        let steps = jobtop_core::job::kind::default_steps(job_type);
        assert_eq!((&*steps[0], steps.len()), (first, count), "{job_type}");
    }
}
