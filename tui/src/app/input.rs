//! One line of text being edited.

/// The text and where the next character goes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Input {
    text: String,
    /// A byte index on a character's border.
    at: usize,
}

/// Longest text that can be typed, in bytes.
const LONGEST: usize = 1_000;

impl Input {
    /// That text, with the cursor at its end.
    pub(crate) fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            at: text.len(),
        }
    }

    /// The whole text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The text before the cursor.
    pub(crate) fn before(&self) -> &str {
        &self.text[..self.at]
    }

    /// Types a character; control characters are not text.
    pub(crate) fn insert(&mut self, c: char) {
        if !c.is_control() && self.text.len() + c.len_utf8() <= LONGEST {
            self.text.insert(self.at, c);
            self.at += c.len_utf8();
        }
    }

    /// Erases the character before the cursor.
    pub(crate) fn erase(&mut self) {
        if let Some(c) = self.before().chars().next_back() {
            self.at -= c.len_utf8();
            self.text.remove(self.at);
        }
    }

    /// Erases the character at the cursor.
    pub(crate) fn erase_next(&mut self) {
        if self.at < self.text.len() {
            self.text.remove(self.at);
        }
    }

    /// Where the word before the cursor begins.
    pub(crate) fn word_start(&self) -> usize {
        self.before().rfind(' ').map_or(0, |blank| blank + 1)
    }

    /// Puts another word in the place of what stands between there and the cursor.
    pub(crate) fn replace_from(&mut self, begin: usize, word: &str) {
        if self.text.len() - (self.at - begin) + word.len() <= LONGEST {
            self.text.replace_range(begin..self.at, word);
            self.at = begin + word.len();
        }
    }

    /// Erases back to the beginning of a word.
    pub(crate) fn erase_word(&mut self) {
        let kept = self.before().trim_end_matches(' ');
        let begin = kept.rfind(' ').map_or(0, |blank| blank + 1);
        self.text.replace_range(begin..self.at, "");
        self.at = begin;
    }

    /// Erases everything before the cursor.
    pub(crate) fn erase_line(&mut self) {
        self.text.replace_range(..self.at, "");
        self.at = 0;
    }

    /// Erases everything.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.at = 0;
    }

    /// One character to the left.
    pub(crate) fn left(&mut self) {
        self.at -= self.before().chars().next_back().map_or(0, char::len_utf8);
    }

    /// One character to the right.
    pub(crate) fn right(&mut self) {
        self.at += self.text[self.at..]
            .chars()
            .next()
            .map_or(0, char::len_utf8);
    }

    /// To the beginning.
    pub(crate) fn home(&mut self) {
        self.at = 0;
    }

    /// To the end.
    pub(crate) fn end(&mut self) {
        self.at = self.text.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_at_characters_borders() {
        type Edit = fn(&mut Input);
        let table: [(&str, Edit, (&str, &str)); 8] = [
            ("äöü", Input::erase, ("äö", "äö")),
            ("äöü", Input::left, ("äöü", "äö")),
            ("äöü", Input::home, ("äöü", "")),
            ("", Input::erase, ("", "")),
            ("two words", Input::erase_word, ("two ", "two ")),
            ("two ", Input::erase_word, ("", "")),
            ("two", Input::erase_line, ("", "")),
            ("a", |i| i.insert('\x1b'), ("a", "a")),
        ];
        for (text, edit, (after, before)) in table {
            let mut input = Input::new(text);
            edit(&mut input);
            assert_eq!((input.text(), input.before()), (after, before), "{text}");
        }
        let mut input = Input::new("表x");
        input.home();
        input.erase_next();
        input.right();
        input.right();
        assert_eq!((input.text(), input.before()), ("x", "x"));
    }
}
