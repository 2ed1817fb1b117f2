//! `jobtop token create|list|revoke`: who may speak to the daemon over TCP, and as whom.

use jiff::tz::TimeZone;
use jobtop_core::access::Role;
use jobtop_core::proto::token::{NewToken, TokenView, TokensAnswer};
use jobtop_core::{Timestamp, UserId};

use crate::cli::print::colour::Paint;
use crate::cli::print::table::{self, Cell, Column};
use crate::cli::print::{self, words};
use crate::cli::{Color, Global, list, target};
use crate::clock;
use crate::exit::Failure;
use crate::view::format;

/// The command line of `token`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Make one and print it: this once, it is kept nowhere
    Create(CreateArgs),
    /// List them, without what is secret
    #[command(visible_alias = "ls")]
    List(list::Form),
    /// End tokens; connections made with them end too
    Revoke(RevokeArgs),
}

#[derive(clap::Args, Debug)]
struct CreateArgs {
    /// Whom it speaks for
    #[arg(long, value_name = "USER", value_parser = UserId::new)]
    user: UserId,
    /// What that user may: viewer sees all and changes nothing, user has its own jobs, admin may all
    #[arg(long, value_enum, value_name = "ROLE")]
    role: RoleArg,
    /// For how long it holds, like 90d or 12h [default: until it is revoked]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    expires: Option<u64>,
    /// Print the daemon's answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args, Debug)]
struct RevokeArgs {
    /// The tokens, by what `jobtop token list` calls them
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum RoleArg {
    Viewer,
    User,
    Admin,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Viewer => Self::Viewer,
            RoleArg::User => Self::User,
            RoleArg::Admin => Self::Admin,
        }
    }
}

/// Does it.
pub(crate) async fn main(args: Args, global: &Global) -> Result<(), Failure> {
    let rest = target::rest(global)?;
    match args.command {
        Command::Create(args) => {
            let new = NewToken {
                user_id: args.user,
                role: args.role.into(),
                expires_seconds: args.expires,
            };
            let made = rest.create_token(&new).await?;
            if args.json {
                return print::json(&made);
            }
            let secret = made.secret.unwrap_or_default();
            print::answer(&format!("{secret}\n"))?;
            print::note(&advice(&made.token));
            Ok(())
        }
        Command::List(form) => show(&rest.tokens().await?, &form, global.color),
        Command::Revoke(args) => {
            for id in &args.ids {
                let token = rest.revoke_token(id_of(id)).await?;
                let user = words::clean(token.user_id.as_str());
                print::answer(&format!("{}  {user}  revoked\n", words::clean(&token.id)))?;
            }
            Ok(())
        }
    }
}

/// What to do with a token, for whoever has just made it.
fn advice(token: &TokenView) -> String {
    let until = token.expires_at.map_or_else(
        || "until it is revoked".to_owned(),
        |end| {
            format!(
                "until {}",
                format::moment(end, clock::now().wall, &TimeZone::system())
            )
        },
    );
    format!(
        "jobtop: token {} for {} ({}), {until}. It is shown this once: keep it in a file that only its user can read,\n        \
         and give that with --token-file FILE, or the token itself in JOBTOP_TOKEN",
        words::clean(&token.id),
        words::clean(token.user_id.as_str()),
        token.role.word(),
    )
}

/// A whole token is a name too: what is secret of it goes no further.
fn id_of(given: &str) -> &str {
    match given.strip_prefix(jobtop_core::proto::token::PREFIX) {
        Some(rest) => rest.split('_').next().unwrap_or(rest),
        None => given,
    }
}

/// Reads a length of time.
pub(crate) fn seconds(given: &str) -> Result<u64, String> {
    let wrong = || "a number and a unit: s, m, h, d or w, like 90d".to_owned();
    let (number, unit) = given
        .split_at_checked(given.len().saturating_sub(1))
        .ok_or_else(wrong)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = number.checked_mul(unit).ok_or_else(wrong)?;
    if seconds == 0 {
        Err(wrong())
    } else {
        Ok(seconds)
    }
}

fn show(answer: &TokensAnswer, form: &list::Form, color: Color) -> Result<(), Failure> {
    match form.shape() {
        list::Shape::Json => print::json(answer),
        list::Shape::Lines => answer.tokens.iter().try_for_each(print::json),
        list::Shape::Table => {
            let now = clock::now().wall;
            let rows: Vec<_> = answer.tokens.iter().map(|token| row(token, now)).collect();
            let paint = Paint::of_stdout(color);
            print::answer(&table::render(&COLUMNS, &rows, print::width(), paint))
        }
    }
}

const COLUMNS: [Column; 6] = [
    table::words("ID"),
    table::shrinking("USER", 12),
    table::words("ROLE"),
    table::words("MADE").spared(2),
    table::words("LAST USED").spared(1),
    table::words("ENDS"),
];

fn row(token: &TokenView, now: Timestamp) -> Vec<Cell> {
    let ago = |at: Timestamp| format!("{} ago", format::duration(now.ms_since(at)));
    let ends = match token.expires_at {
        None => "never".to_owned(),
        Some(end) if end <= now => "has ended".to_owned(),
        Some(end) => format!("in {}", format::duration(end.ms_since(now))),
    };
    vec![
        words::clean(&token.id).into(),
        words::clean(token.user_id.as_str()).into(),
        token.role.word().into(),
        ago(token.created_at).into(),
        token
            .last_used_at
            .map_or_else(|| "not yet".to_owned(), ago)
            .into(),
        ends.into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        for (given, expected) in [
            ("90d", Some(90 * 86_400)),
            ("1s", Some(1)),
            ("2w", Some(14 * 86_400)),
            ("0d", None),
            ("90", None),
            ("d", None),
            ("", None),
            ("1ä", None),
            ("99999999999999999999d", None),
        ] {
            assert_eq!(seconds(given).ok(), expected, "{given:?}");
        }
    }

    #[test]
    fn a_whole_token_names_itself() {
        assert_eq!(id_of("jt_0123456789_abc_d"), "0123456789");
        assert_eq!(id_of("0123456789"), "0123456789");
    }
}
