//! Keys as data: one table says of every action its name, its help and its keys.
//!
//! Adding a key is one row here; help, footer and dispatch read the table. Nothing here knows a state or a terminal.

mod chord;

pub(crate) use chord::{Chord, Key};

/// What a key asks for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Action {
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    Open,
    Past,
    Figures,
    Daemon,
    Palette,
    Complete,
    CompleteBack,
    Log,
    Back,
    Filter,
    /// The digit says which.
    Status,
    NextStatus,
    PreviousStatus,
    NextType,
    PreviousType,
    Pause,
    Cancel,
    Retry,
    Raise,
    Lower,
    Mark,
    MarkAll,
    Freeze,
    Sort,
    Reverse,
    Group,
    Columns,
    Earlier,
    Later,
    CopyId,
    CopyError,
    Notify,
    Reconnect,
    Help,
    Redraw,
    Suspend,
    Interrupt,
    Quit,
    Yes,
    No,
    Accept,
    Erase,
    EraseNext,
    EraseWord,
    EraseLine,
    Left,
    Right,
    Home,
    End,
}

/// Where the hand is: which rows of the table count.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Context {
    /// The list of jobs.
    List,
    /// One job, whole screen.
    Detail,
    /// A job's log.
    Log,
    /// The filter is being typed.
    Typing,
    /// A question is open.
    Confirm,
    /// The help is open.
    Help,
    /// Columns are chosen.
    Columns,
    /// The jobs that have ended.
    Past,
    /// Figures about them.
    Figures,
    /// The page about the daemon.
    Daemon,
    /// An action is looked for by its name.
    Palette,
}

/// Under which heading the help shows a row.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Group {
    Move,
    Act,
    Find,
    Program,
}

impl Group {
    /// In the order of the help.
    pub(crate) const ALL: [Self; 4] = [Self::Act, Self::Find, Self::Move, Self::Program];

    /// The heading.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Move => "Move",
            Self::Act => "Act on the job",
            Self::Find => "Find",
            Self::Program => "Screen",
        }
    }
}

/// One row of the table.
pub(crate) struct Binding {
    /// What it does.
    pub(crate) action: Action,
    /// Its name, as the footer says it; empty: not shown there.
    pub(crate) word: &'static str,
    /// Its sentence in the help; empty: not shown there.
    pub(crate) help: &'static str,
    /// Its heading in the help.
    pub(crate) group: Group,
    /// Where it holds.
    pub(crate) contexts: &'static [Context],
    /// Its keys; the first is the one shown in the footer.
    pub(crate) chords: &'static [Chord],
}

/// The action of a key in a context.
pub(crate) fn action(context: Context, chord: Chord) -> Option<Action> {
    TABLE
        .iter()
        .find(|row| row.contexts.contains(&context) && row.chords.contains(&chord))
        .map(|row| row.action)
}

/// The rows of a context, in the order of the table.
pub(crate) fn of(context: Context) -> impl Iterator<Item = &'static Binding> {
    TABLE
        .iter()
        .filter(move |row| row.contexts.contains(&context))
}

const BROWSE: &[Context] = &[Context::List, Context::Detail];
const JOBS: &[Context] = &[Context::List, Context::Detail, Context::Past];
const FOUND: &[Context] = &[Context::List, Context::Past];
const QUESTIONS: &[Context] = &[Context::List, Context::Past, Context::Figures];
const SCREENS: &[Context] = &[
    Context::List,
    Context::Detail,
    Context::Log,
    Context::Past,
    Context::Figures,
    Context::Daemon,
];
const SCROLL: &[Context] = &[
    Context::List,
    Context::Detail,
    Context::Log,
    Context::Help,
    Context::Past,
    Context::Figures,
    Context::Daemon,
];
const LIST: &[Context] = &[Context::List];
const FILTER: &[Context] = &[Context::Typing];
const TYPED: &[Context] = &[Context::Typing, Context::Palette];
const EVERYWHERE: &[Context] = &[
    Context::List,
    Context::Detail,
    Context::Log,
    Context::Help,
    Context::Confirm,
    Context::Typing,
    Context::Columns,
    Context::Past,
    Context::Figures,
    Context::Daemon,
    Context::Palette,
];

macro_rules! row {
    ($action:expr, $word:literal, $help:literal, $group:ident, $contexts:expr, [$($chord:expr),+]) => {
        Binding {
            action: $action,
            word: $word,
            help: $help,
            group: Group::$group,
            contexts: $contexts,
            chords: &[$($chord),+],
        }
    };
}

const fn c(c: char) -> Chord {
    Chord::char(c)
}

const fn ctrl(c: char) -> Chord {
    Chord::ctrl(c)
}

const fn k(key: Key) -> Chord {
    Chord::plain(key)
}

/// Every key there is. Within a context no chord stands twice: a test sees to it.
#[rustfmt::skip]
static TABLE: &[Binding] = &[
    row!(Action::Pause, "pause", "pause the job, or resume a paused one", Act, BROWSE, [c('p')]),
    row!(Action::Cancel, "cancel", "cancel the job (asks first)", Act, BROWSE, [c('x')]),
    row!(Action::Retry, "retry", "do it again as a new job", Act, JOBS, [c('R')]),
    row!(Action::Raise, "sooner", "a higher priority, for what waits", Act, BROWSE, [c('+'), c('=')]),
    row!(Action::Lower, "", "a lower priority", Act, BROWSE, [c('-')]),
    row!(Action::CopyId, "", "copy the id (of all marked jobs)", Act, JOBS, [c('y')]),
    row!(Action::CopyError, "", "copy what went wrong, whole", Act, JOBS, [c('Y')]),
    row!(Action::Notify, "", "notify: ring the bell when the job ends", Act, BROWSE, [c('n')]),
    row!(Action::Open, "detail", "show everything about the job", Act, FOUND, [k(Key::Enter), k(Key::Right), c('l')]),
    row!(Action::Log, "log", "what it wrote, live, where the daemon has it", Act, FOUND, [c('L')]),
    row!(Action::Log, "log", "what it wrote, live, where the daemon has it", Act, &[Context::Detail], [c('l'), c('L')]),
    row!(Action::Back, "back", "one level back; in the list: clear the filters", Program, SCREENS, [k(Key::Esc), k(Key::Left), c('h')]),
    row!(Action::Back, "close", "", Program, &[Context::Help], [k(Key::Esc), c('?'), c('q'), k(Key::Enter), ctrl('c')]),
    row!(Action::Filter, "filter", "filter as you type: words, status:failed, type:…, user:…", Find, QUESTIONS, [c('/')]),
    row!(Action::Mark, "mark", "mark the job, or take the mark away: keys act on all marked ones", Act, LIST, [c(' ')]),
    row!(Action::MarkAll, "", "mark all that are listed, or none", Act, LIST, [c('*')]),
    row!(Action::Past, "history", "the jobs that have ended, 30 days of them, with filters", Find, SCREENS, [c('H')]),
    row!(Action::Figures, "figures", "how those ended: success, durations, errors, day by day", Find, SCREENS, [c('A')]),
    row!(Action::Daemon, "", "the daemon: its store, and whether it is well", Program, SCREENS, [c('D')]),
    row!(Action::Palette, "", "every action by its name", Program, SCREENS, [c(':')]),
    row!(Action::Sort, "sort", "sort by the next: end, begin, duration, name, errors", Find, &[Context::Past], [c('o')]),
    row!(Action::Reverse, "", "turn the order round", Find, &[Context::Past], [c('O')]),
    row!(Action::Group, "group", "group by type, user, name or day", Find, &[Context::Figures], [c('b')]),
    row!(Action::NextStatus, "", "next status (S: the one before)", Find, LIST, [c('s'), k(Key::Tab)]),
    row!(Action::PreviousStatus, "", "", Find, LIST, [c('S'), k(Key::BackTab)]),
    row!(Action::NextType, "", "next type of job (T: the one before)", Find, LIST, [c('t')]),
    row!(Action::PreviousType, "", "", Find, LIST, [c('T')]),
    row!(Action::Status, "", "all, pending, running, paused, completed, failed, cancelled", Find, LIST, [c('1'), c('2'), c('3'), c('4'), c('5'), c('6'), c('7')]),
    row!(Action::Sort, "", "sort by the next: newest, name, status, owner, progress, rate, ETA, errors", Find, LIST, [c('o')]),
    row!(Action::Reverse, "", "turn the order round", Find, LIST, [c('O')]),
    row!(Action::Group, "", "group by queue, owner, type, host, or not", Find, LIST, [c('b')]),
    row!(Action::Columns, "", "choose columns, their order, and what sorts", Find, LIST, [c('c')]),
    row!(Action::Freeze, "", "freeze: let nothing move, or everything again", Find, LIST, [c('f')]),
    row!(Action::Mark, "show or hide", "", Find, &[Context::Columns], [c(' '), k(Key::Enter)]),
    row!(Action::Earlier, "move up", "", Find, &[Context::Columns], [c('K'), c('<')]),
    row!(Action::Later, "move down", "", Find, &[Context::Columns], [c('J'), c('>')]),
    row!(Action::Sort, "sort by it", "", Find, &[Context::Columns], [c('s'), c('o')]),
    row!(Action::Back, "close", "", Find, &[Context::Columns], [k(Key::Esc), c('c'), c('q'), ctrl('c')]),
    row!(Action::Up, "", "", Move, &[Context::Columns], [c('k'), k(Key::Up)]),
    row!(Action::Down, "", "", Move, &[Context::Columns], [c('j'), k(Key::Down)]),
    row!(Action::Top, "", "", Move, &[Context::Columns], [c('g'), k(Key::Home)]),
    row!(Action::Bottom, "", "", Move, &[Context::Columns], [c('G'), k(Key::End)]),
    row!(Action::Down, "", "down", Move, SCROLL, [c('j'), k(Key::Down)]),
    row!(Action::Up, "", "up", Move, SCROLL, [c('k'), k(Key::Up)]),
    row!(Action::PageDown, "", "a page down", Move, SCROLL, [k(Key::PageDown), ctrl('f'), ctrl('d')]),
    row!(Action::PageDown, "", "", Move, &[Context::Detail, Context::Log, Context::Help, Context::Past, Context::Figures, Context::Daemon], [c(' ')]),
    row!(Action::PageUp, "", "a page up", Move, SCROLL, [k(Key::PageUp), ctrl('b'), ctrl('u')]),
    row!(Action::Top, "", "to the top", Move, SCROLL, [c('g'), k(Key::Home)]),
    row!(Action::Bottom, "", "to the bottom; in a log: follow its end", Move, SCROLL, [c('G'), k(Key::End)]),
    row!(Action::Reconnect, "reconnect", "reconnect now, when the connection is gone", Program, SCREENS, [c('r')]),
    row!(Action::Help, "help", "this help", Program, SCREENS, [c('?'), k(Key::F(1))]),
    row!(Action::Redraw, "", "draw the screen afresh", Program, SCROLL, [ctrl('l')]),
    row!(Action::Suspend, "", "to the shell; fg comes back", Program, EVERYWHERE, [ctrl('z')]),
    row!(Action::Quit, "quit", "quit; the jobs go on (in a job's detail or log: back)", Program, SCREENS, [c('q')]),
    row!(Action::Interrupt, "", "quit from anywhere; clears what is typed", Program, SCREENS, [ctrl('c')]),
    row!(Action::Yes, "yes, cancel it", "", Act, &[Context::Confirm], [c('y')]),
    row!(Action::No, "no", "", Act, &[Context::Confirm], [c('n'), c('N'), k(Key::Esc), k(Key::Enter), c('q'), ctrl('c')]),
    row!(Action::Accept, "keep", "", Find, FILTER, [k(Key::Enter)]),
    row!(Action::Complete, "complete", "", Find, FILTER, [k(Key::Tab)]),
    row!(Action::CompleteBack, "", "", Find, FILTER, [k(Key::BackTab)]),
    row!(Action::Accept, "do it", "", Find, &[Context::Palette], [k(Key::Enter)]),
    row!(Action::Back, "close", "", Find, &[Context::Palette], [k(Key::Esc)]),
    row!(Action::Back, "drop", "", Find, FILTER, [k(Key::Esc)]),
    row!(Action::Interrupt, "", "", Find, TYPED, [ctrl('c')]),
    row!(Action::Up, "", "", Move, TYPED, [k(Key::Up), ctrl('p')]),
    row!(Action::Down, "", "", Move, TYPED, [k(Key::Down), ctrl('n')]),
    row!(Action::PageUp, "", "", Move, TYPED, [k(Key::PageUp)]),
    row!(Action::PageDown, "", "", Move, TYPED, [k(Key::PageDown)]),
    row!(Action::Erase, "", "", Find, TYPED, [k(Key::Backspace), ctrl('h')]),
    row!(Action::EraseNext, "", "", Find, TYPED, [k(Key::Delete), ctrl('d')]),
    row!(Action::EraseWord, "", "", Find, TYPED, [ctrl('w')]),
    row!(Action::EraseLine, "", "", Find, TYPED, [ctrl('u')]),
    row!(Action::Left, "", "", Find, TYPED, [k(Key::Left), ctrl('b')]),
    row!(Action::Right, "", "", Find, TYPED, [k(Key::Right), ctrl('f')]),
    row!(Action::Home, "", "", Find, TYPED, [k(Key::Home), ctrl('a')]),
    row!(Action::End, "", "", Find, TYPED, [k(Key::End), ctrl('e')]),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const CONTEXTS: [Context; 11] = [
        Context::List,
        Context::Detail,
        Context::Log,
        Context::Typing,
        Context::Confirm,
        Context::Help,
        Context::Columns,
        Context::Past,
        Context::Figures,
        Context::Daemon,
        Context::Palette,
    ];

    #[test]
    fn no_key_means_two_things_in_one_place() {
        for context in CONTEXTS {
            let mut seen = HashSet::new();
            for chord in of(context).flat_map(|row| row.chords) {
                assert!(seen.insert(chord), "{chord} twice in {context:?}");
            }
        }
    }

    #[test]
    fn only_y_says_yes() {
        let yes: Vec<_> = of(Context::Confirm)
            .filter(|row| row.action == Action::Yes)
            .flat_map(|row| row.chords)
            .collect();
        assert_eq!(yes, [&Chord::char('y')]);
    }
}
