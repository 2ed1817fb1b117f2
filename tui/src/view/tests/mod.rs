//! Screens as text: what a person would see, at several sizes and in every state worth seeing.

use jobtop_core::Status;
use jobtop_core::proto::history::{AnalyticsAnswer, Group, HistoryAnswer};
use jobtop_core::proto::view::View;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

use crate::app::link::State;
use crate::app::log::{Piece, Standing};
use crate::app::tests::alarms::{alert, hear};
use crate::app::tests::person::{Person, asked_for, at, job};
use crate::app::{Colours, Event};

mod hostile;

/// A frame of that size, after the events that a real one brings.
fn frame(person: &mut Person, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    // The first frame says what there is room for, the second uses it.
    for _ in 0..2 {
        person.tick();
        let mut shown = person.app.shown;
        terminal
            .draw(|frame| shown = super::draw(&person.app, frame))
            .unwrap();
        person.happen(Event::Shown(shown));
    }
    terminal.backend().buffer().clone()
}

/// The characters of a frame, line by line.
fn text(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        let mut skip = 0;
        for x in 0..buffer.area.width {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let symbol = buffer[(x, y)].symbol();
            skip = super::cell::width(symbol).saturating_sub(1);
            line.push_str(symbol);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn screen(person: &mut Person, width: u16, height: u16) -> String {
    text(&frame(person, width, height))
}

/// One job of every kind.
fn many() -> Vec<View> {
    let mut pausing = job(2);
    pausing.name = "returns 2026 Q3.csv".into();
    pausing.control = Some(asked_for("pause"));
    pausing.status = Status::Paused;
    pausing.progress = 17.04;
    let mut mapping = job(3);
    mapping.name = "map-customers".into();
    mapping.job_type = jobtop_core::JobType::new("field_mapping").unwrap();
    mapping.status = Status::Paused;
    mapping.metrics.estimated_completion = None;
    let mut waiting = job(4);
    waiting.status = Status::Pending;
    waiting.progress = 0.0;
    waiting.current_step = 0;
    waiting.message = None;
    waiting.metrics.start_time = None;
    waiting.metrics.items_per_second = None;
    waiting.metrics.processed_bytes = 0;
    waiting.metrics.active_seconds = 0.0;
    let mut stalled = job(5);
    stalled.name = "upload to crm".into();
    stalled.job_type = jobtop_core::JobType::new("api_upload").unwrap();
    stalled.stalled_since = Some(at(-130));
    stalled.metrics.estimated_completion = None;
    let mut unknown = job(6);
    unknown.name = "日本語の売上データ2026年11月分.csv".into();
    unknown.progress = 0.0;
    unknown.metrics.estimated_completion = None;
    let mut done = job(90);
    done.status = Status::Completed;
    done.progress = 100.0;
    done.current_step = 4;
    done.finished_at = Some(at(-30));
    done.metrics.active_seconds = 80.2;
    let mut failed = job(91);
    failed.status = Status::Failed;
    failed.finished_at = Some(at(-300));
    failed.error = Some("The API answered 401 Unauthorized".into());
    failed.error_detail = Some(
        serde_json::from_str(
            r#"{"code":"http_401","message":"The API answered 401 Unauthorized","step":"Processing data",
            "exitCode":1,"suggestion":"Renew the token in ~/.config/crm and retry",
            "lastLines":["POST /v2/contacts","401 Unauthorized"]}"#,
        )
        .unwrap(),
    );
    let mut cancelled = job(92);
    cancelled.status = Status::Cancelled;
    cancelled.finished_at = Some(at(-600));
    vec![
        job(1),
        pausing,
        mapping,
        waiting,
        stalled,
        unknown,
        done,
        failed,
        cancelled,
    ]
}

#[test]
fn the_list_at_every_size() {
    for (width, height) in [
        (40, 12),
        (60, 12),
        (80, 24),
        (120, 40),
        (160, 45),
        (200, 60),
    ] {
        let mut person = Person::with(many());
        insta::assert_snapshot!(
            format!("list_{width}x{height}"),
            screen(&mut person, width, height)
        );
    }
}

#[test]
fn groups_marks_and_chosen_columns() {
    let jobs = || {
        let mut jobs = many();
        for job in jobs.iter_mut().step_by(2) {
            job.queue = "nightly".into();
        }
        jobs
    };
    for (width, height) in [(60, 12), (80, 24), (120, 24)] {
        let mut person = Person::with(jobs());
        person.press("b Space Space n");
        insta::assert_snapshot!(
            format!("groups_{width}x{height}"),
            screen(&mut person, width, height)
        );
    }
    let mut person = Person::with(jobs());
    person.press("c j j Space j Space j Space s Esc f");
    person.wait(12_000);
    insta::assert_snapshot!("arranged_120x24", screen(&mut person, 120, 24));
    person.press("c");
    insta::assert_snapshot!("columns_80x24", screen(&mut person, 80, 24));
    person.press("Esc * x");
    insta::assert_snapshot!("question_many_80x24", screen(&mut person, 80, 24));
}

/// A history of some jobs, as the daemon answers.
fn with_history() -> Person {
    let mut person = Person::with(many());
    let mut jobs = many();
    jobs.retain(|job| job.status.is_final());
    person.press("H");
    let found = HistoryAnswer {
        jobs,
        next_cursor: Some("more".to_owned()),
        indexed_from: None,
    };
    person.happen(Event::Found(1, Ok(found)));
    person
}

#[test]
fn the_history_at_every_size() {
    for (width, height) in [(40, 12), (60, 12), (80, 24), (120, 24), (160, 30)] {
        let mut person = with_history();
        insta::assert_snapshot!(
            format!("history_{width}x{height}"),
            screen(&mut person, width, height)
        );
    }
    let mut person = with_history();
    person.press("/");
    person.write("status:failed or");
    insta::assert_snapshot!("history_typing_80x12", screen(&mut person, 80, 12));
}

fn group(key: &str, total: u64, failed: u64) -> Group {
    serde_json::from_value(serde_json::json!({
        "key": key, "total": total, "completed": total - failed, "failed": failed, "cancelled": 0,
        "successRate": (total - failed) as f64 / total as f64,
        "activeSeconds": {"p50": 41.2, "p90": 70.0, "p99": 0.125},
        "itemsPerSecond": 4035.4,
        "steps": [{"name": "Processing data", "p50": 32.0}, {"name": "Validating", "p50": 1.0}],
    }))
    .unwrap()
}

#[test]
fn figures_at_every_size() {
    let answer = || {
        AnalyticsAnswer {
        groups: vec![group("csv_processing", 12_345, 240), group("日本語の処理", 7, 3)],
        errors: serde_json::from_value(serde_json::json!([{
            "pattern": "row # of <path>: expected # columns", "count": 201,
            "example": "row 1,204 of /data/orders-7.csv: expected 7 columns", "lastSeen": at(-7_200),
        }]))
        .unwrap(),
        indexed_from: None,
    }
    };
    let days = || {
        vec![
            group("2026-11-20", 4, 1),
            group("2026-11-22", 90, 0),
            group("2026-11-24", 30, 12),
        ]
    };
    for (width, height) in [(40, 12), (60, 12), (80, 24), (120, 24)] {
        let mut person = Person::with(many());
        person.press("A");
        person.happen(Event::Analysed(1, Ok((answer(), days()))));
        insta::assert_snapshot!(
            format!("figures_{width}x{height}"),
            screen(&mut person, width, height)
        );
    }
}

#[test]
fn a_hurt_store_is_said_at_the_top_and_told_on_the_page_of_the_daemon() {
    let store = serde_json::from_value(serde_json::json!({
        "records": 12_345, "periods": 30, "liveBytes": 12_000_000, "diskBytes": 20_000_000,
        "lastCompaction": at(-600), "indexed": true, "state": "no_room",
        "reason": "the disk is full: new jobs are refused until there is room, what is under way goes on",
        "damage": ["history/1795478400000-86400000/endings: 100 bytes from 2000 on are damaged, and the jobs in them are lost"],
    }))
    .unwrap();
    let mut person = Person::with(many());
    person.happen(Event::Store(0, Ok(store)));
    for (width, height) in [(60, 12), (100, 12)] {
        insta::assert_snapshot!(
            format!("hurt_{width}x{height}"),
            screen(&mut person, width, height)
        );
    }
    person.press("D");
    insta::assert_snapshot!("daemon_80x24", screen(&mut person, 80, 24));
}

#[test]
fn actions_by_their_names() {
    let mut person = Person::with(many());
    person.press(":");
    person.write("job");
    person.press("Down");
    insta::assert_snapshot!("palette_80x24", screen(&mut person, 80, 24));
    insta::assert_snapshot!("palette_40x12", screen(&mut person, 40, 12));
}

#[test]
fn what_stands_still_has_no_rate() {
    for (status, shown) in [(Status::Running, true), (Status::Paused, false)] {
        let mut still = job(1);
        still.status = status;
        let mut person = Person::with([still]);
        person.press("Enter");
        let screen = screen(&mut person, 80, 24);
        assert_eq!(screen.contains("4.0k/s"), shown, "{screen}");
    }
}

#[test]
fn a_failed_job_whole() {
    for (width, height) in [(60, 12), (80, 24)] {
        let mut person = Person::with(many());
        person.press("6 Enter");
        insta::assert_snapshot!(
            format!("detail_failed_{width}x{height}"),
            screen(&mut person, width, height)
        );
    }
}

#[test]
fn a_running_job_whole() {
    let mut person = Person::with(many());
    person.press("Enter");
    insta::assert_snapshot!("detail_running_80x24", screen(&mut person, 80, 24));
}

#[test]
fn a_running_job_with_its_steps_its_pace_and_the_end_of_its_log() {
    let mut person = Person::with([]);
    let mut one = job(1);
    one.step_seconds = vec![2.0, 3.5];
    one.metrics.active_seconds = 12.4;
    one.revision = 1;
    let id = one.id;
    person.see(one);
    person.tick();
    for second in 1..=12_u64 {
        person.wait(1_000);
        person.change(id, 1 + second, |patch| {
            patch.metrics.active_seconds = 12.4 + second as f64;
            patch.metrics.processed_items = 50_040 + second * second * 100;
        });
    }
    person.press("Enter");
    person.happen(Event::Log(Piece {
        job: id,
        lines: (1..=12).map(|n| format!("part {n} is done")).collect(),
        open: "part 13 is und".to_owned(),
        standing: Standing::Followed,
    }));
    for (width, height) in [(60, 40), (100, 30)] {
        insta::assert_snapshot!(
            format!("detail_log_{width}x{height}"),
            screen(&mut person, width, height)
        );
    }
}

#[test]
fn no_jobs_say_how_to_get_one() {
    for (width, height) in [(60, 12), (80, 24), (160, 24)] {
        let mut person = Person::with([]);
        insta::assert_snapshot!(
            format!("empty_{width}x{height}"),
            screen(&mut person, width, height)
        );
    }
}

#[test]
fn before_the_first_connection() {
    let mut person = Person::alone();
    insta::assert_snapshot!("connecting_80x12", screen(&mut person, 80, 12));
    person.cut(3_000);
    insta::assert_snapshot!("unreachable_80x12", screen(&mut person, 80, 12));
}

#[test]
fn offline_says_why_how_old_and_when_next() {
    for (width, height) in [(40, 12), (60, 12), (80, 24), (120, 24)] {
        let mut person = Person::with(many());
        person.cut(17_000);
        person.wait(14_000);
        insta::assert_snapshot!(
            format!("offline_{width}x{height}"),
            screen(&mut person, width, height)
        );
    }
}

#[test]
fn the_question_names_the_job() {
    for (width, height) in [(40, 10), (60, 12), (80, 24)] {
        let mut person = Person::with(many());
        person.press("x");
        insta::assert_snapshot!(
            format!("question_{width}x{height}"),
            screen(&mut person, width, height)
        );
    }
}

#[test]
fn the_help_is_made_from_the_keys() {
    for (width, height) in [(60, 12), (80, 24), (120, 40)] {
        let mut person = Person::with(many());
        person.press("?");
        insta::assert_snapshot!(
            format!("help_{width}x{height}"),
            screen(&mut person, width, height)
        );
    }
    let mut person = Person::with(many());
    person.press("Enter ?");
    insta::assert_snapshot!("help_detail_80x24", screen(&mut person, 80, 24));
}

#[test]
fn filters_are_always_in_sight() {
    let mut person = Person::with(many());
    person.press("/");
    person.write("orders -status:failed");
    insta::assert_snapshot!("typing_80x12", screen(&mut person, 80, 12));
    person.write(" stauts:x");
    insta::assert_snapshot!("typing_wrong_80x12", screen(&mut person, 80, 12));
    person.press("Esc /");
    person.write("orders");
    person.press("Enter t");
    insta::assert_snapshot!("filtered_80x12", screen(&mut person, 80, 12));
    person.press("/");
    person.write(" nosuchname");
    person.press("Enter");
    insta::assert_snapshot!("filtered_none_80x12", screen(&mut person, 80, 12));
}

#[test]
fn ascii_terminals() {
    let mut person = Person::with(many());
    person.app.settings.ascii = true;
    person.app.settings.color = false;
    let list = screen(&mut person, 80, 24);
    assert!(list.is_ascii(), "{list}");
    insta::assert_snapshot!("ascii_80x24", list);
    for keys in [
        "Enter", "?", "Esc", "Esc", "b", "Space", "n", "c", "Esc", "x",
    ] {
        person.wait(300);
        person.press(keys);
        let shown = screen(&mut person, 160, 50);
        assert!(shown.is_ascii(), "{keys}: {shown}");
    }
}

#[test]
fn no_colour_where_none_is_wanted_and_only_the_sixteen_elsewhere() {
    for color in [false, true] {
        for keys in ["", "Enter", "?", "x", "R"] {
            let mut person = Person::with(many());
            person.app.settings.color = color;
            if !keys.is_empty() {
                person.press(keys);
            }
            let buffer = frame(&mut person, 160, 45);
            for cell in buffer.content() {
                for used in [cell.fg, cell.bg] {
                    let sixteen = !matches!(used, Color::Rgb(..) | Color::Indexed(_));
                    assert!(sixteen && (color || used == Color::Reset), "{used:?}");
                }
            }
        }
    }
}

#[test]
fn the_safe_theme_has_neither_red_nor_green() {
    let mut person = Person::with(many());
    person.app.settings.colours = Colours::Safe;
    for keys in ["", "Enter", "Esc", "A"] {
        if !keys.is_empty() {
            person.press(keys);
        }
        let buffer = frame(&mut person, 160, 45);
        let used: Vec<Color> = buffer.content().iter().map(|cell| cell.fg).collect();
        for color in [Color::Red, Color::Green, Color::LightRed, Color::LightGreen] {
            assert!(!used.contains(&color), "{color:?}");
        }
    }
}

#[test]
fn the_chosen_row_is_reversed_and_an_old_picture_is_dim() {
    let mut person = Person::with(many());
    person.press("j");
    let buffer = frame(&mut person, 80, 24);
    let reversed: Vec<u16> = (0..24)
        .filter(|y| buffer[(2, *y)].modifier.contains(Modifier::REVERSED))
        .collect();
    assert_eq!(reversed, [4]);
    assert!(!buffer[(2, 4)].modifier.contains(Modifier::DIM));
    person.cut(1_000);
    let buffer = frame(&mut person, 80, 24);
    assert!((3..12).all(|y| buffer[(2, y)].modifier.contains(Modifier::DIM)));
    assert!(!buffer[(2, 0)].modifier.contains(Modifier::DIM));
}

/// Two daemons, one of which is away.
fn several() -> Person {
    let mut person = Person::before_several(&["etl", "web"]);
    for (host, jobs) in [(0, [job(1), job(2)]), (1, [job(3), job(4)])] {
        person.host = host;
        person.link(State::Connected);
        person.snapshot(jobs);
    }
    person.tick();
    person
}

#[test]
fn several_daemons_in_one_list() {
    let mut person = several();
    for (width, height) in [(120, 16), (80, 16), (40, 12)] {
        insta::assert_snapshot!(
            format!("several_{width}x{height}"),
            screen(&mut person, width, height)
        );
    }
    person.cut(3_000);
    person.wait(14_000);
    insta::assert_snapshot!("several_one_away", screen(&mut person, 120, 16));
    // Only its own rows step back.
    let buffer = frame(&mut person, 120, 16);
    let dim = |y: u16| buffer[(20, y)].modifier.contains(Modifier::DIM);
    let rows: Vec<bool> = (3..7).map(dim).collect();
    assert_eq!(rows, [false, false, true, true]);
    person.press("D");
    insta::assert_snapshot!("several_page", screen(&mut person, 100, 16));
}

#[test]
fn alerts_are_counted_at_the_top_and_listed_with_what_to_do() {
    let mut person = Person::with([job(1)]);
    let mut known = alert(2);
    known.acknowledged_by = jobtop_core::UserId::new("ann").ok();
    let mut over = alert(3);
    over.ended_at = Some(at(-1));
    let mut about = alert(1);
    about.jobs = vec![job(1).id];
    for alert in [about, known, over] {
        hear(&mut person, alert);
    }
    insta::assert_snapshot!("alerts_counted", screen(&mut person, 80, 8));
    person.press("!");
    insta::assert_snapshot!("alerts_80x16", screen(&mut person, 80, 16));
    insta::assert_snapshot!("alerts_40x12", screen(&mut person, 40, 12));
    let mut long = alert(4);
    long.message =
        "3 of 24 csv_processing jobs failed within 15 min (12.5 %), the last of them orders-1.csv"
            .into();
    (long.rule, long.value, long.threshold) = (jobtop_core::alert::Rule::FailureRate, 0.125, 0.1);
    long.muted_until = Some(at(3_600));
    hear(&mut person, long);
    person.press("j j");
    insta::assert_snapshot!("alerts_long_40x16", screen(&mut person, 40, 16));
}

#[test]
fn a_daemon_that_is_asked_every_second_says_why() {
    let mut person = Person::with([job(1)]);
    person.link(State::Polling {
        reason: "ws://etl1:7411 refused the connection: 426 Upgrade Required".to_owned(),
    });
    for width in [140, 80, 40] {
        let text = screen(&mut person, width, 10);
        insta::assert_snapshot!(
            format!("polling_{width}"),
            text.lines().next().unwrap_or_default()
        );
    }
}

#[test]
fn any_size_can_be_drawn() {
    for width in [1, 2, 5, 19, 20, 47, 59, 100, 139, 140, 250] {
        for height in [1, 2, 3, 4, 5, 7, 8, 11, 31, 32, 80] {
            for keys in [
                "", "Enter", "?", "x", "/", "b", "c", "* x", ":", "H", "A", "D",
            ] {
                let mut person = Person::with(many());
                if !keys.is_empty() {
                    person.press(keys);
                }
                frame(&mut person, width, height);
                person.cut(1_000);
                frame(&mut person, width, height);
                frame(&mut Person::with([]), width, height);
            }
        }
    }
}
