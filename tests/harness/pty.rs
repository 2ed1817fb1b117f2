//! A program in a terminal: keys go in, the screen is read through a terminal emulator.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};

use crate::home::{Home, SETTINGS};
use crate::process::{self, Signal};
use crate::wait::{self, DEADLINE};

/// A program running in a terminal of its own.
pub struct Pty {
    master: Box<dyn MasterPty + Send>,
    // Kept open, so that what the program wrote and how it left the terminal can be read after its end.
    slave: Option<Box<dyn SlavePty + Send>>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    output: Arc<Output>,
    before: String,
}

#[derive(Default)]
struct Output {
    seen: Mutex<Seen>,
    more: Condvar,
}

#[derive(Default)]
struct Seen {
    raw: Vec<u8>,
    emulator: Option<vt100::Parser>,
    ended: bool,
}

/// How a program left its terminal.
#[derive(Debug)]
pub struct Left {
    /// Its exit code; 128 + n after a signal, as a shell says it.
    pub code: u32,
    /// All it ever wrote.
    pub raw: Vec<u8>,
    /// Whether the line settings are as they were before it started.
    pub settings_restored: bool,
    /// Whether the emulator is on the ordinary screen, with the cursor shown, and without mouse and paste modes.
    pub modes_restored: bool,
}

impl Pty {
    /// Starts a program of that home's in a terminal of `rows` and `columns`.
    pub fn start(home: &Home, (rows, columns): (u16, u16), argv: &[&str]) -> Self {
        let pair = native_pty_system()
            .openpty(size(rows, columns))
            .expect("a pseudo terminal");
        let mut command = CommandBuilder::new(argv[0]);
        command.args(&argv[1..]);
        for (name, value) in home.env() {
            command.env(name, value);
        }
        for name in SETTINGS {
            command.env_remove(name);
        }
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.cwd(home.work());
        let before = settings(&*pair.master);
        let child = pair
            .slave
            .spawn_command(command)
            .expect("the program can be started");
        let output = Arc::new(Output::default());
        output.seen.lock().expect("nobody panics with it").emulator =
            Some(vt100::Parser::new(cells(rows), cells(columns), 0));
        let reader = pair
            .master
            .try_clone_reader()
            .expect("the terminal can be read");
        let to = Arc::clone(&output);
        std::thread::spawn(move || read_all(reader, &to));
        let keys = pair
            .master
            .take_writer()
            .expect("the terminal can be written to");
        Self {
            master: pair.master,
            slave: Some(pair.slave),
            keys,
            child,
            output,
            before,
        }
    }

    /// Its process.
    pub fn pid(&self) -> i32 {
        let pid = self
            .child
            .process_id()
            .expect("a started program has a process");
        i32::try_from(pid).expect("a pid is small")
    }

    /// Types.
    pub fn press(&mut self, keys: &str) {
        self.keys
            .write_all(keys.as_bytes())
            .expect("keys can be typed");
        self.keys.flush().expect("keys can be typed");
    }

    /// Changes the size of the terminal.
    pub fn resize(&mut self, rows: u16, columns: u16) {
        let mut seen = self.output.seen.lock().expect("nobody panics with it");
        if let Some(emulator) = &mut seen.emulator {
            emulator.screen_mut().set_size(cells(rows), cells(columns));
        }
        drop(seen);
        self.master
            .resize(size(rows, columns))
            .expect("the size can be set");
    }

    /// Sends the program a signal.
    pub fn signal(&self, signal: Signal) {
        process::signal(self.pid(), signal);
    }

    /// The text of the screen, a line a row.
    pub fn text(&self) -> String {
        let seen = self.output.seen.lock().expect("nobody panics with it");
        seen.text()
    }

    /// The screen as the emulator has it, with the look of each cell.
    pub fn screen(&self) -> vt100::Screen {
        let seen = self.output.seen.lock().expect("nobody panics with it");
        let emulator = seen.emulator.as_ref().expect("it is there from the start");
        emulator.screen().clone()
    }

    /// How many bytes it has written so far.
    pub fn written(&self) -> usize {
        self.output
            .seen
            .lock()
            .expect("nobody panics with it")
            .raw
            .len()
    }

    /// How many frames it has drawn so far, as it wraps them: synchronised updates.
    pub fn frames(&self) -> usize {
        let seen = self.output.seen.lock().expect("nobody panics with it");
        let begin = b"\x1b[?2026h";
        seen.raw
            .windows(begin.len())
            .filter(|bytes| bytes == begin)
            .count()
    }

    /// Waits until the text of the screen fits, and gives it back.
    pub fn wait_for(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + DEADLINE;
        let mut seen = self.output.seen.lock().expect("nobody panics with it");
        loop {
            let text = seen.text();
            if fits(&text) {
                return text;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || seen.ended {
                drop(seen);
                panic!("waited in vain for {what}; the screen says\n{text}");
            }
            let left = left.min(Duration::from_millis(100));
            seen = self
                .output
                .more
                .wait_timeout(seen, left)
                .expect("nobody panics with it")
                .0;
        }
    }

    /// Types the keys, again and again as a person does, until the text of the screen fits.
    pub fn press_until(&mut self, keys: &str, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + DEADLINE;
        loop {
            self.press(keys);
            let seen = wait::within(Duration::from_millis(400), || {
                Some(self.text()).filter(|text| fits(text))
            });
            if let Some(text) = seen {
                return text;
            }
            let text = self.text();
            assert!(
                Instant::now() < end,
                "pressed {keys:?} in vain for {what}; the screen says\n{text}"
            );
        }
    }

    /// Waits until the screen holds that text.
    pub fn wait_text(&self, text: &str) -> String {
        self.wait_for(&format!("{text:?}"), |screen| screen.contains(text))
    }

    /// Waits for the program's end and says how it left the terminal.
    pub fn left(mut self) -> Left {
        let status = wait::until("the program's end", || self.child.try_wait().ok().flatten());
        let settings_restored = settings(&*self.master) == self.before;
        // With the last handle on the other side gone, reading comes to an end after all that was written.
        drop(self.slave.take());
        let seen = self.output.seen.lock().expect("nobody panics with it");
        let (seen, _) = self
            .output
            .more
            .wait_timeout_while(seen, DEADLINE, |seen| !seen.ended)
            .expect("nobody panics with it");
        let modes_restored = seen.emulator.as_ref().is_some_and(|emulator| {
            let screen = emulator.screen();
            !screen.alternate_screen()
                && !screen.hide_cursor()
                && !screen.bracketed_paste()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
        });
        let code = match status.signal() {
            Some(_) => 128 + status.exit_code().max(1),
            None => status.exit_code(),
        };
        Left {
            code,
            raw: seen.raw.clone(),
            settings_restored,
            modes_restored,
        }
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Seen {
    fn text(&self) -> String {
        self.emulator
            .as_ref()
            .map(|emulator| emulator.screen().contents())
            .unwrap_or_default()
    }
}

fn read_all(mut reader: impl Read, to: &Output) {
    let mut buf = [0_u8; 8192];
    loop {
        // EIO says that the last handle on the program's side is gone: the same as the end.
        let n = reader.read(&mut buf).unwrap_or(0);
        let mut seen = to.seen.lock().expect("nobody panics with it");
        if n == 0 {
            seen.ended = true;
        } else {
            seen.raw.extend_from_slice(&buf[..n]);
            if let Some(emulator) = &mut seen.emulator {
                emulator.process(&buf[..n]);
            }
        }
        drop(seen);
        to.more.notify_all();
        if n == 0 {
            return;
        }
    }
}

fn settings(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios())
}

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).expect("a terminal has at least one row and column")
}

const fn size(rows: u16, columns: u16) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    }
}
