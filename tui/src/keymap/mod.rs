//! Keys as data: one table says of every action its name, its help and its keys.
//!
//! Adding a key is one row here; help, footer and dispatch read the table, as a person has changed it ([`Keymap`]). Nothing
//! here knows a state or a terminal.

use std::borrow::Cow;
use std::collections::BTreeMap;

mod chord;

pub(crate) use chord::{Chord, Key};

/// What a key asks for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
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
    Alerts,
    Acknowledge,
    Mute,
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

impl Action {
    /// As the configuration names it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::PageUp => "page_up",
            Self::PageDown => "page_down",
            Self::Top => "top",
            Self::Bottom => "bottom",
            Self::Open => "detail",
            Self::Past => "history",
            Self::Figures => "figures",
            Self::Daemon => "daemon",
            Self::Alerts => "alerts",
            Self::Acknowledge => "acknowledge",
            Self::Mute => "mute",
            Self::Palette => "palette",
            Self::Log => "log",
            Self::Back => "back",
            Self::Filter => "filter",
            Self::Status => "status",
            Self::NextStatus => "next_status",
            Self::PreviousStatus => "previous_status",
            Self::NextType => "next_type",
            Self::PreviousType => "previous_type",
            Self::Pause => "pause",
            Self::Cancel => "cancel",
            Self::Retry => "retry",
            Self::Raise => "raise_priority",
            Self::Lower => "lower_priority",
            Self::Mark => "mark",
            Self::MarkAll => "mark_all",
            Self::Freeze => "freeze",
            Self::Sort => "sort",
            Self::Reverse => "reverse",
            Self::Group => "group",
            Self::Columns => "columns",
            Self::CopyId => "copy_id",
            Self::CopyError => "copy_error",
            Self::Notify => "notify",
            Self::Reconnect => "reconnect",
            Self::Help => "help",
            Self::Redraw => "redraw",
            Self::Suspend => "suspend",
            Self::Interrupt => "interrupt",
            Self::Quit => "quit",
            Self::Complete
            | Self::CompleteBack
            | Self::Earlier
            | Self::Later
            | Self::Yes
            | Self::No
            | Self::Accept
            | Self::Erase
            | Self::EraseNext
            | Self::EraseWord
            | Self::EraseLine
            | Self::Left
            | Self::Right
            | Self::Home
            | Self::End => "a key of an input",
        }
    }
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
    /// The alerts.
    Alerts,
    /// An action is looked for by its name.
    Palette,
}

impl Context {
    const ALL: [Self; 12] = [
        Self::List,
        Self::Detail,
        Self::Log,
        Self::Typing,
        Self::Confirm,
        Self::Help,
        Self::Columns,
        Self::Past,
        Self::Figures,
        Self::Daemon,
        Self::Alerts,
        Self::Palette,
    ];
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
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    /// What it does.
    pub(crate) action: Action,
    /// Its name, as the footer says it; empty: not shown there.
    pub(crate) word: &'static str,
    /// Its sentence in the help; empty: not shown there, and not to be changed.
    pub(crate) help: &'static str,
    /// Its heading in the help.
    pub(crate) group: Group,
    /// Where it holds.
    pub(crate) contexts: &'static [Context],
    /// Its keys; the first is the one shown in the footer.
    pub(crate) chords: Cow<'static, [Chord]>,
}

/// The table, with the keys that a person wants.
#[derive(Clone, Debug)]
pub(crate) struct Keymap(Vec<Binding>);

impl Default for Keymap {
    fn default() -> Self {
        Self(TABLE.to_vec())
    }
}

impl Keymap {
    /// The table with other keys for some actions, by their names. A sentence says which key would mean two things.
    pub(crate) fn with(changed: &BTreeMap<Action, Vec<Chord>>) -> Result<Self, String> {
        let mut map = Self::default();
        for row in map.0.iter_mut().filter(|row| !row.help.is_empty()) {
            if let Some(chords) = changed.get(&row.action) {
                row.chords = Cow::Owned(chords.clone());
            }
        }
        for context in Context::ALL {
            let mut seen: BTreeMap<String, Action> = BTreeMap::new();
            for row in map.of(context) {
                for chord in row.chords.iter() {
                    if let Some(other) = seen.insert(chord.to_string(), row.action)
                        && other != row.action
                    {
                        return Err(format!(
                            "{chord} would mean both {} and {}",
                            other.name(),
                            row.action.name()
                        ));
                    }
                }
            }
        }
        Ok(map)
    }

    /// The action of a key in a context.
    pub(crate) fn action(&self, context: Context, chord: Chord) -> Option<Action> {
        self.of(context)
            .find(|row| row.chords.contains(&chord))
            .map(|row| row.action)
    }

    /// Which of the keys of an action a key is.
    pub(crate) fn nth(&self, context: Context, action: Action, chord: Chord) -> Option<usize> {
        let mut rows = self.of(context).filter(|row| row.action == action);
        rows.find_map(|row| row.chords.iter().position(|one| *one == chord))
    }

    /// The rows of a context, in the order of the table.
    pub(crate) fn of(&self, context: Context) -> impl Iterator<Item = &Binding> {
        self.0
            .iter()
            .filter(move |row| row.contexts.contains(&context))
    }

    /// The keys of an action, as they are written.
    pub(crate) fn chords(&self, action: Action) -> Vec<String> {
        let rows = self.0.iter().filter(|row| !row.help.is_empty());
        let mut chords: Vec<String> = Vec::new();
        for chord in rows
            .filter(|row| row.action == action)
            .flat_map(|row| row.chords.iter())
        {
            let written = chord.to_string();
            if !chords.contains(&written) {
                chords.push(written);
            }
        }
        chords
    }

    /// The actions whose keys can be changed.
    pub(crate) fn changeable() -> impl Iterator<Item = Action> {
        TABLE
            .iter()
            .filter(|row| !row.help.is_empty())
            .map(|row| row.action)
    }
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
    Context::Alerts,
];
const SCROLL: &[Context] = &[
    Context::List,
    Context::Detail,
    Context::Log,
    Context::Help,
    Context::Past,
    Context::Figures,
    Context::Daemon,
    Context::Alerts,
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
    Context::Alerts,
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
            chords: Cow::Borrowed(&[$($chord),+]),
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
    row!(Action::Alerts, "", "alerts: what is wrong, and what to do about it", Program, SCREENS, [c('!')]),
    row!(Action::Acknowledge, "I know", "say that you know of the alert", Act, &[Context::Alerts], [c('a')]),
    row!(Action::Mute, "mute 1h", "let its cause disturb nobody for an hour", Act, &[Context::Alerts], [c('m')]),
    row!(Action::Open, "its job", "", Act, &[Context::Alerts], [k(Key::Enter)]),
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

    #[test]
    fn no_key_means_two_things_in_one_place() {
        let map = Keymap::default();
        for context in Context::ALL {
            let mut seen = HashSet::new();
            for chord in map.of(context).flat_map(|row| row.chords.iter()) {
                assert!(seen.insert(chord), "{chord} twice in {context:?}");
            }
        }
    }

    #[test]
    fn only_y_says_yes() {
        let map = Keymap::default();
        let yes: Vec<_> = map
            .of(Context::Confirm)
            .filter(|row| row.action == Action::Yes)
            .flat_map(|row| row.chords.iter())
            .collect();
        assert_eq!(yes, [&Chord::char('y')]);
    }

    #[test]
    fn keys_are_changed_unless_they_would_mean_two_things() {
        let changed =
            |action, chord: &str| BTreeMap::from([(action, vec![chord.parse().unwrap()])]);
        let map = Keymap::with(&changed(Action::Pause, "Ctrl-P")).unwrap();
        assert_eq!(
            map.action(Context::List, Chord::ctrl('p')),
            Some(Action::Pause)
        );
        assert_eq!(map.action(Context::List, Chord::char('p')), None);
        let said = Keymap::with(&changed(Action::Pause, "x")).unwrap_err();
        assert_eq!(said, "x would mean both pause and cancel");
        let digits = ["F1", "F2"].map(|chord| chord.parse().unwrap()).to_vec();
        let changed_digits = BTreeMap::from([
            (Action::Status, digits),
            (Action::Help, vec![Chord::char('?')]),
        ]);
        let map = Keymap::with(&changed_digits).unwrap();
        let second = Chord::plain(Key::F(2));
        assert_eq!(map.nth(Context::List, Action::Status, second), Some(1));
        // What says yes to a question is not to be changed.
        let map = Keymap::with(&changed(Action::Yes, "x")).unwrap();
        assert_eq!(map.action(Context::Confirm, Chord::char('x')), None);
    }
}
