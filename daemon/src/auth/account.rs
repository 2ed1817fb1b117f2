//! The names of accounts, read from `/etc/passwd`: accounts that live elsewhere are called `uid` and their number.

use std::fs;

use jobtop_core::UserId;

/// The name of that account.
pub(super) fn name(uid: u32) -> UserId {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    find(&passwd, uid)
        .and_then(|name| UserId::new(name).ok())
        .or_else(|| UserId::new(&format!("uid{uid}")).ok())
        .unwrap_or_else(|| unreachable!("uid and digits are a user's name"))
}

fn find(passwd: &str, uid: u32) -> Option<&str> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let number: u32 = fields.nth(1)?.parse().ok()?;
        (number == uid).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_account_of_that_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\n\n# odd\nann:x:1000:1000::/home/ann:/bin/sh\n\
                      toor:x:0:0::/:\nshort:x\nbad:x:minus:0\n";
        for (uid, name) in [(0, Some("root")), (1000, Some("ann")), (7, None)] {
            assert_eq!(find(passwd, uid), name, "{uid}");
        }
    }

    #[test]
    fn unknown_accounts_have_a_name_too() {
        assert_eq!(name(4_000_000_123).as_str(), "uid4000000123");
    }
}
