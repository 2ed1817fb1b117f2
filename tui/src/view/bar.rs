//! A progress bar, smooth by eighths of a column:
//!
//! ```text
//! ████████▌░░░░░░░░░░░
//! ########------------   (ASCII)
//! ```

use ratatui::style::Style;
use ratatui::text::Span;

use super::theme::Theme;

const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// The done part and the open part of a bar so many columns wide.
pub(super) fn bar(progress: f64, columns: usize, ascii: bool) -> (String, String) {
    let share = (progress / 100.0).clamp(0.0, 1.0);
    if ascii {
        let done = (share * columns as f64).floor() as usize;
        return ("#".repeat(done), "-".repeat(columns - done));
    }
    let eighths = (share * columns as f64 * 8.0).floor() as usize;
    let mut done = "█".repeat(eighths / 8);
    done.push_str(EIGHTHS[eighths % 8]);
    let taken = eighths.div_ceil(8);
    (done, "░".repeat(columns - taken))
}

/// The bar in two styles.
pub(super) fn spans(
    progress: f64,
    columns: usize,
    style: Style,
    theme: Theme,
) -> [Span<'static>; 2] {
    let (done, open) = bar(progress, columns, theme.is_ascii());
    [Span::styled(done, style), Span::styled(open, theme.faint())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_wide_as_asked_and_full_only_when_done() {
        for (progress, columns, unicode, ascii) in [
            (0.0, 4, "░░░░", "----"),
            (50.0, 4, "██░░", "##--"),
            (56.0, 4, "██▏░", "##--"),
            (99.9, 4, "███▉", "###-"),
            (100.0, 4, "████", "####"),
            (250.0, 4, "████", "####"),
            (f64::NAN, 2, "░░", "--"),
            (50.0, 0, "", ""),
        ] {
            let (done, open) = bar(progress, columns, false);
            assert_eq!(done + &open, unicode, "{progress}");
            let (done, open) = bar(progress, columns, true);
            assert_eq!(done + &open, ascii, "{progress}");
        }
    }
}
