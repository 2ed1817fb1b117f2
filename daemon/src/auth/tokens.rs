//! Tokens: whoever comes over TCP brings one. Made once, said once, kept as hashes in a file of the data directory.
//!
//! A token is `jt_`, ten digits that name it, `_`, and 256 random bits. It is looked up by its name, and its hash is compared in
//! constant time. SHA-256 alone is enough: what is random in all its bits is not guessed from its hash.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jobtop_core::access::{Identity, Role};
use jobtop_core::job::refusal::{Code, Refusal};
use jobtop_core::proto::token::{NewToken, PREFIX, TokenAnswer, TokenView};
use jobtop_core::{Now, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::watch;

use super::attempts::Attempts;
use crate::disk;
use crate::feed::session::{Pass, Peer};

/// The file in the data directory.
const FILE: &str = "tokens.json";
/// Digits of a token's name.
const ID: usize = 10;
/// At most so many tokens are kept.
const MOST: usize = 10_000;
/// The longest that a token can be asked to hold.
const LONGEST_SECONDS: u64 = 100 * 365 * 86_400;

/// All tokens of this daemon.
#[derive(Debug)]
pub(crate) struct Tokens {
    path: PathBuf,
    known: RwLock<BTreeMap<String, Kept>>,
    /// Held while the file is written.
    writing: Mutex<()>,
    attempts: Mutex<Attempts>,
    /// The roles that may have commands run.
    may_submit: Vec<Role>,
}

/// A token as it is kept, while the daemon runs.
#[derive(Debug)]
struct Kept {
    record: Record,
    revoked: watch::Sender<bool>,
    /// 0 if never.
    last_used: AtomicI64,
}

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Written {
    version: u32,
    tokens: Vec<Record>,
}

/// A token in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    id: String,
    user_id: UserId,
    role: Role,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    /// SHA-256 of the whole token, in hexadecimal digits.
    sha256: String,
}

/// Why nobody is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Nothing was brought.
    Missing,
    /// It is no token of ours, or is one no more.
    Wrong,
    /// It has expired.
    Expired,
    /// Too many wrong ones came from there.
    TooMany {
        /// When the next one is looked at, in seconds.
        retry_seconds: u64,
    },
}

impl Denied {
    /// As it is answered.
    pub(crate) fn refusal(&self) -> Refusal {
        match self {
            Self::Missing => Refusal::new(
                Code::Unauthorized,
                "A token is needed: Authorization: Bearer TOKEN, made by `jobtop token create`",
            ),
            Self::Wrong => Refusal::new(
                Code::Unauthorized,
                "The token is not known here: it is wrong, or was revoked",
            ),
            Self::Expired => Refusal::new(
                Code::Unauthorized,
                "The token has expired: have a new one made with `jobtop token create`",
            ),
            Self::TooMany { retry_seconds } => Refusal::new(
                Code::RateLimited,
                format!(
                    "Too many wrong tokens came from this address; try again in {retry_seconds} s"
                ),
            ),
        }
    }
}

impl Tokens {
    /// Reads the file of that data directory; without one there are no tokens.
    pub(crate) fn open(data: &Path, may_submit: Vec<Role>) -> io::Result<Self> {
        let path = data.join(FILE);
        let written = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<Written>(&bytes)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Written::default(),
            Err(error) => return Err(error),
        };
        let known = written.tokens.into_iter().map(Kept::keyed).collect();
        Ok(Self {
            path,
            known: RwLock::new(known),
            writing: Mutex::default(),
            attempts: Mutex::default(),
            may_submit,
        })
    }

    /// Who brings that token. A right one is let in whatever else came from there: many may be behind one address.
    pub(crate) fn admit(&self, given: &str, from: IpAddr, now: Now) -> Result<Peer, Denied> {
        let looked_up = self.look_up(given, from, now);
        if !matches!(looked_up, Err(Denied::Wrong)) {
            return looked_up;
        }
        let mut attempts = locked(&self.attempts);
        let pause = attempts.pause(from, now);
        if pause > 0 {
            return Err(Denied::TooMany {
                retry_seconds: pause.div_ceil(1_000),
            });
        }
        attempts.failed(from, now);
        if attempts.pause(from, now) > 0 {
            tracing::warn!(%from, "wrong tokens again and again");
        }
        Err(Denied::Wrong)
    }

    fn look_up(&self, given: &str, from: IpAddr, now: Now) -> Result<Peer, Denied> {
        let id = id_of(given).ok_or(Denied::Wrong)?;
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let kept = known.get(id).ok_or(Denied::Wrong)?;
        let same: bool = hash(given)
            .as_bytes()
            .ct_eq(kept.record.sha256.as_bytes())
            .into();
        if !same {
            return Err(Denied::Wrong);
        }
        if (kept.record.expires_at).is_some_and(|end| end <= now.wall) {
            return Err(Denied::Expired);
        }
        kept.last_used.store(now.wall.0, Ordering::Relaxed);
        Ok(Peer {
            identity: Identity {
                user: kept.record.user_id.clone(),
                role: kept.record.role,
                may_assume: false,
                may_submit: self.may_submit.contains(&kept.record.role),
                may_manage: false,
                origin: Some(format!("token {id} from {from}").into()),
            },
            process: None,
            pass: Some(Pass {
                revoked: kept.revoked.subscribe(),
                expires_at: kept.record.expires_at,
            }),
            reports: false,
        })
    }

    /// Makes one. Writes a file: not for a thread that must not wait.
    pub(crate) fn create(&self, wanted: &NewToken, now: Now) -> Result<TokenAnswer, Refusal> {
        let expires_at = match wanted.expires_seconds {
            None => None,
            Some(seconds @ 1..=LONGEST_SECONDS) => {
                let ms = i64::try_from(seconds * 1_000).unwrap_or(i64::MAX);
                Some(now.wall.plus_ms(ms))
            }
            Some(_) => {
                return Err(Refusal::new(
                    Code::Invalid,
                    "expiresSeconds must be at least 1, and at most 100 years",
                ));
            }
        };
        let _writing = locked(&self.writing);
        let mut known = self.read();
        if known.len() >= MOST {
            return Err(Refusal::new(
                Code::RateLimited,
                format!("There are {MOST} tokens, as many as are kept; revoke some first"),
            ));
        }
        let (id, secret) = loop {
            let (id, secret) = draw()?;
            if !known.contains_key(&id) {
                break (id, secret);
            }
        };
        let record = Record {
            id: id.clone(),
            user_id: wanted.user_id.clone(),
            role: wanted.role,
            created_at: now.wall,
            expires_at,
            sha256: hash(&secret),
        };
        known.insert(id, record.clone());
        self.write(&known)?;
        let (id, kept) = Kept::keyed(record);
        let token = kept.view();
        self.known
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, kept);
        tracing::info!(id = %token.id, user = %token.user_id, role = token.role.word(), "a token was made");
        Ok(TokenAnswer {
            token,
            secret: Some(secret),
        })
    }

    /// All of them, the oldest first.
    pub(crate) fn list(&self) -> Vec<TokenView> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut list: Vec<TokenView> = known.values().map(Kept::view).collect();
        list.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        list
    }

    /// Forgets one: it is no token from now on, and its connections end. Writes a file: not for a thread that must not wait.
    pub(crate) fn revoke(&self, id: &str) -> Result<TokenView, Refusal> {
        let _writing = locked(&self.writing);
        let mut known = self.read();
        if known.remove(id).is_none() {
            let id = jobtop_core::text::clean_within(id, 80);
            return Err(Refusal::new(
                Code::NotFound,
                format!("Token not found: {id}"),
            ));
        }
        self.write(&known)?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let kept = known
            .remove(id)
            .ok_or_else(|| Refusal::new(Code::Internal, "A token went away meanwhile"))?;
        kept.revoked.send_replace(true);
        tracing::info!(id, user = %kept.record.user_id, "a token was revoked");
        Ok(kept.view())
    }

    fn read(&self) -> BTreeMap<String, Record> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let records = known
            .iter()
            .map(|(id, kept)| (id.clone(), kept.record.clone()));
        records.collect()
    }

    /// Replaces the file: after a crash it is the old or the new.
    fn write(&self, known: &BTreeMap<String, Record>) -> Result<(), Refusal> {
        let written = Written {
            version: 1,
            tokens: known.values().cloned().collect(),
        };
        let replaced = serde_json::to_vec_pretty(&written)
            .map_err(io::Error::other)
            .and_then(|text| disk::replace(&self.path, &text).map(drop));
        replaced.map_err(|error| {
            tracing::warn!(%error, "the tokens could not be kept");
            let code = match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::NoRoom,
                _ => Code::Unavailable,
            };
            Refusal::new(code, format!("The tokens could not be kept: {error}"))
        })
    }
}

impl Kept {
    fn keyed(record: Record) -> (String, Self) {
        let kept = Self {
            revoked: watch::Sender::new(false),
            last_used: AtomicI64::new(0),
            record,
        };
        (kept.record.id.clone(), kept)
    }

    fn view(&self) -> TokenView {
        let used = self.last_used.load(Ordering::Relaxed);
        TokenView {
            id: self.record.id.clone(),
            user_id: self.record.user_id.clone(),
            role: self.record.role,
            created_at: self.record.created_at,
            expires_at: self.record.expires_at,
            last_used_at: (used != 0).then_some(Timestamp(used)),
        }
    }
}

/// The name in a token, if it has the form of one.
fn id_of(token: &str) -> Option<&str> {
    let rest = token.strip_prefix(PREFIX)?;
    let (id, secret) = rest.split_at_checked(ID)?;
    let formed = id.bytes().all(|b| b.is_ascii_hexdigit())
        && secret.strip_prefix('_').is_some_and(|secret| {
            secret.len() == 43
                && secret
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        });
    formed.then_some(id)
}

/// A new name, and the token of that name.
fn draw() -> Result<(String, String), Refusal> {
    let mut bits = [0_u8; ID / 2 + 32];
    getrandom::fill(&mut bits).map_err(|error| {
        Refusal::new(
            Code::Unavailable,
            format!("The system has no random bits: {error}"),
        )
    })?;
    let (name, secret) = bits.split_at(ID / 2);
    let id = hex(name);
    let token = format!("{PREFIX}{id}_{}", URL_SAFE_NO_PAD.encode(secret));
    Ok((id, token))
}

fn hash(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    const NOW: Now = Now {
        wall: Timestamp(1_000_000),
        mono: 1_000_000,
    };
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn wanted(expires_seconds: Option<u64>) -> NewToken {
        NewToken {
            user_id: UserId::new("ann").unwrap(),
            role: Role::User,
            expires_seconds,
        }
    }

    fn made(tokens: &Tokens, expires: Option<u64>) -> (String, String) {
        let answer = tokens.create(&wanted(expires), NOW).unwrap();
        (answer.token.id, answer.secret.unwrap())
    }

    #[test]
    fn a_token_is_good_until_it_is_revoked_and_after_a_restart_too() {
        let dir = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(dir.path(), Vec::new()).unwrap();
        let (id, secret) = made(&tokens, None);
        assert!(secret.starts_with(PREFIX) && secret.len() == 3 + 10 + 1 + 43);
        let peer = tokens.admit(&secret, HERE, NOW).unwrap();
        assert_eq!(
            (peer.identity.user.as_str(), peer.identity.role),
            ("ann", Role::User)
        );
        assert!(!peer.identity.may_assume && !peer.identity.may_manage);
        let again = Tokens::open(dir.path(), Vec::new()).unwrap();
        assert!(again.admit(&secret, HERE, NOW).is_ok());
        let pass = again.admit(&secret, HERE, NOW).unwrap().pass.unwrap();
        assert!(!*pass.revoked.borrow());
        again.revoke(&id).unwrap();
        assert!(*pass.revoked.borrow(), "connections hear of it");
        assert_eq!(again.admit(&secret, HERE, NOW).unwrap_err(), Denied::Wrong);
        assert_eq!(again.revoke(&id).unwrap_err().code, Code::NotFound);
        let after = Tokens::open(dir.path(), Vec::new()).unwrap();
        assert_eq!(after.admit(&secret, HERE, NOW).unwrap_err(), Denied::Wrong);
    }

    #[test]
    fn the_file_has_no_secret_and_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(dir.path(), Vec::new()).unwrap();
        let (_, secret) = made(&tokens, Some(60));
        let path = dir.path().join(FILE);
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&secret[14..]), "{text}");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(!format!("{tokens:?}").contains(&secret[14..]));
    }

    #[test]
    fn what_is_no_token_and_what_is_one_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(dir.path(), Vec::new()).unwrap();
        let (_, secret) = made(&tokens, Some(60));
        let later = Now {
            wall: NOW.wall.plus_ms(60_000),
            ..NOW
        };
        assert!(tokens.admit(&secret, HERE, NOW).is_ok());
        assert_eq!(
            tokens.admit(&secret, HERE, later).unwrap_err(),
            Denied::Expired
        );
        let other = format!("{}A", &secret[..secret.len() - 1]);
        let other = if other == secret {
            format!("{}B", &secret[..secret.len() - 1])
        } else {
            other
        };
        for wrong in [
            "",
            "jt_",
            "x",
            &other,
            &secret[3..],
            &secret[..secret.len() - 1],
            &secret.to_uppercase(),
            "jt_0123456789_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "jt_ä123456789_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            let elsewhere = IpAddr::V4(
                (wrong.len() as u32 * 7 + wrong.bytes().map(u32::from).sum::<u32>()).into(),
            );
            assert_eq!(
                tokens.admit(wrong, elsewhere, NOW).unwrap_err(),
                Denied::Wrong,
                "{wrong}"
            );
        }
        for seconds in [0, u64::MAX, LONGEST_SECONDS + 1] {
            let refused = tokens.create(&wanted(Some(seconds)), NOW).unwrap_err();
            assert_eq!(refused.code, Code::Invalid);
        }
    }

    #[test]
    fn who_guesses_is_not_heard_and_shuts_nobody_out() {
        let dir = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(dir.path(), Vec::new()).unwrap();
        let (id, revoked) = made(&tokens, None);
        let (_, used) = made(&tokens, None);
        let (_, unused) = made(&tokens, None);
        for good in [&revoked, &used] {
            tokens.admit(good, HERE, NOW).unwrap();
        }
        tokens.revoke(&id).unwrap();
        for _ in 0..11 {
            assert_eq!(
                tokens.admit(&revoked, HERE, NOW).unwrap_err(),
                Denied::Wrong
            );
        }
        let too_many = Denied::TooMany { retry_seconds: 1 };
        for wrong in ["jt_x", &revoked, &revoked] {
            assert_eq!(
                tokens.admit(wrong, HERE, NOW).unwrap_err(),
                too_many,
                "{wrong}"
            );
        }
        for good in [&used, &unused] {
            assert!(tokens.admit(good, HERE, NOW).is_ok(), "a right one");
        }
        let after = Now {
            mono: NOW.mono + 1_000,
            ..NOW
        };
        assert_eq!(
            tokens.admit(&revoked, HERE, after).unwrap_err(),
            Denied::Wrong,
            "what was not heard has made the pause no longer"
        );
    }

    #[test]
    fn a_file_that_is_none_of_ours_is_told() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), "{").unwrap();
        let error = Tokens::open(dir.path(), Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
