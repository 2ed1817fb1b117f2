//! Figures about the jobs that have ended: how they end, how long they take, what goes wrong, day by day.

use jobtop_core::proto::history::{AnalyticsAnswer, Group, GroupBy};

use super::filters::next;
use super::past::Standing;
use super::{App, Effect, Screen};

/// The figures on the screen.
#[derive(Clone, Default, Debug)]
pub(crate) struct Figures {
    /// What the jobs are grouped by.
    pub(crate) by: GroupBy,
    /// The groups, and what went wrong.
    pub(crate) answer: AnalyticsAnswer,
    /// The same jobs day by day.
    pub(crate) days: Vec<Group>,
    /// How the question stands.
    pub(crate) standing: Standing,
    asked: u64,
}

/// A question about finished jobs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Analyse {
    /// Its number.
    pub(crate) number: u64,
    /// Which jobs.
    pub(crate) filter: String,
    /// What they are grouped by.
    pub(crate) by: GroupBy,
}

/// Opens the figures about the jobs that the filter of the history lets through.
pub(super) fn open(app: &mut App) -> Vec<Effect> {
    if let Screen::Figures(_) = app.screen {
        app.screen = app.ground.screen();
        return Vec::new();
    }
    app.turn_to_chosen();
    app.screen = Screen::Figures(0);
    ask(app)
}

/// Asks again: the filter or the grouping is another one.
pub(super) fn ask(app: &mut App) -> Vec<Effect> {
    let figures = &mut app.figures;
    figures.asked += 1;
    figures.standing = Standing::Asked;
    vec![Effect::Analyse(Analyse {
        number: figures.asked,
        filter: app.past.text.clone(),
        by: figures.by,
    })]
}

/// Takes an answer over.
pub(super) fn analysed(
    app: &mut App,
    number: u64,
    result: Result<(AnalyticsAnswer, Vec<Group>), String>,
) {
    let figures = &mut app.figures;
    if number != figures.asked {
        return;
    }
    match result {
        Ok((answer, days)) => {
            figures.answer = answer;
            figures.days = days;
            figures.standing = Standing::There;
        }
        // What was told before was told of another filter or grouping.
        Err(words) => {
            figures.answer = AnalyticsAnswer::default();
            figures.days.clear();
            figures.standing = Standing::Refused(words);
        }
    }
}

/// Groups by the next.
pub(super) fn turn(app: &mut App) -> Vec<Effect> {
    app.figures.by = next(&GroupBy::ALL, app.figures.by);
    app.screen = Screen::Figures(0);
    ask(app)
}
