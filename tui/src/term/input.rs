//! The terminal's keys by our names.

use crossterm::event::{
    Event as Raw, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent,
    MouseEventKind,
};

use crate::app::{Event, Pointed};
use crate::keymap::{Chord, Key};

/// What a terminal event means for the screen; `None` if it means nothing. A resize means a new frame and no more.
pub(super) fn event(raw: Raw) -> Option<Event> {
    match raw {
        Raw::Key(key) => chord(key).map(Event::Key),
        Raw::Paste(text) => Some(Event::Paste(text)),
        Raw::Resize(..) => Some(Event::Tick),
        Raw::Mouse(mouse) => pointed(mouse).map(Event::Mouse),
        Raw::FocusGained | Raw::FocusLost => None,
    }
}

fn pointed(mouse: MouseEvent) -> Option<Pointed> {
    match mouse.kind {
        MouseEventKind::ScrollUp => Some(Pointed::Up),
        MouseEventKind::ScrollDown => Some(Pointed::Down),
        MouseEventKind::Down(MouseButton::Left) => Some(Pointed::At(mouse.column, mouse.row)),
        _ => None,
    }
}

fn chord(key: KeyEvent) -> Option<Chord> {
    // Some terminals report releases too.
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    let key = match key.code {
        KeyCode::Char(c) if ctrl => Key::Char(c.to_ascii_lowercase()),
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete => Key::Delete,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::F(n) => Key::F(n),
        _ => return None,
    };
    Some(Chord { key, ctrl, alt })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_one_name() {
        let ctrl = KeyModifiers::CONTROL;
        for (code, modifiers, expected) in [
            (KeyCode::Char('p'), KeyModifiers::NONE, Chord::char('p')),
            (KeyCode::Char('R'), KeyModifiers::SHIFT, Chord::char('R')),
            (KeyCode::Char('c'), ctrl, Chord::ctrl('c')),
            (KeyCode::Char('C'), ctrl, Chord::ctrl('c')),
            (KeyCode::Enter, KeyModifiers::NONE, Chord::plain(Key::Enter)),
        ] {
            assert_eq!(chord(KeyEvent::new(code, modifiers)), Some(expected));
        }
        let mut release = KeyEvent::new(KeyCode::Char('x'), KeyModifiers::NONE);
        release.kind = KeyEventKind::Release;
        assert_eq!(chord(release), None);
    }
}
