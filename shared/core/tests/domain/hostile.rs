//! Text from strangers: whatever it is, what is left of it can't steer a terminal, hide, or turn around.

use jobtop_core::text::{clean, clean_within};
use proptest::prelude::*;

/// Sequences that do something to one terminal or another, written with their real control characters.
const SEQUENCES: &[&str] = &[
    // Control sequences: colours, cursor, erasing, scrolling, modes, reports that answer into the input.
    "\x1b[31mred\x1b[0m",
    "\x1b[1;31;47mloud",
    "\x1b[38;5;196m",
    "\x1b[38;2;255;0;0m",
    "\x1b[8mhidden",
    "\x1b[7m",
    "\x1b[2J",
    "\x1b[3J",
    "\x1b[H",
    "\x1b[1;1H",
    "\x1b[999;999H",
    "\x1b[A",
    "\x1b[10B",
    "\x1b[C",
    "\x1b[1000D",
    "\x1b[K",
    "\x1b[1K",
    "\x1b[2K",
    "\x1b[L",
    "\x1b[M",
    "\x1b[@",
    "\x1b[P",
    "\x1b[X",
    "\x1b[S",
    "\x1b[T",
    "\x1b[1;5r",
    "\x1b[?25l",
    "\x1b[?25h",
    "\x1b[?1049h",
    "\x1b[?1049l",
    "\x1b[?47h",
    "\x1b[?7l",
    "\x1b[?5h",
    "\x1b[?1000h",
    "\x1b[?1002h",
    "\x1b[?1003h",
    "\x1b[?1006h",
    "\x1b[?2004h",
    "\x1b[?2004l",
    "\x1b[?2026h",
    "\x1b[?1h",
    "\x1b[?3h",
    "\x1b[4h",
    "\x1b[20h",
    "\x1b[6n",
    "\x1b[5n",
    "\x1b[c",
    "\x1b[>c",
    "\x1b[=c",
    "\x1b[0x",
    "\x1b[21t",
    "\x1b[20t",
    "\x1b[8;10;10t",
    "\x1b[3;0;0t",
    "\x1b[2t",
    "\x1b[18t",
    "\x1b[!p",
    "\x1b[\"p",
    "\x1b[0 q",
    "\x1b[s",
    "\x1b[u",
    "\x1b[>4;2m",
    "\x1b[>1u",
    "\x1b[<u",
    "\x1b[?u",
    "\x1b[i",
    "\x1b[4i",
    "\x1b[5i",
    "\x1b[?1004h",
    "\x1b[1$w",
    "\x1b[",
    "\x1b[;;;;;;;;;m",
    "\x1b[99999999999999999999m",
    "\x1b[?",
    "\x1b[31",
    "a\x1b",
    "\x1b\x1b\x1b",
    // Operating system commands: titles, links, clipboard, notifications, progress, colours, directories, files.
    "\x1b]0;title\x07",
    "\x1b]0;title\x1b\\",
    "\x1b]1;icon\x07",
    "\x1b]2;title\x07",
    "\x1b]4;1;?\x07",
    "\x1b]7;file:///etc\x07",
    "\x1b]8;;http://evil.test\x07click\x1b]8;;\x07",
    "\x1b]8;id=1;file:///etc/passwd\x1b\\x\x1b]8;;\x1b\\",
    "\x1b]9;notify\x07",
    "\x1b]9;4;1;50\x07",
    "\x1b]10;?\x07",
    "\x1b]11;?\x07",
    "\x1b]12;red\x07",
    "\x1b]50;?\x07",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1b]52;c;?\x07",
    "\x1b]52;p;cm0gLXJmIH4=\x1b\\",
    "\x1b]104\x07",
    "\x1b]110\x07",
    "\x1b]133;A\x07",
    "\x1b]133;C\x07",
    "\x1b]633;E;rm -rf ~\x07",
    "\x1b]777;notify;a;b\x07",
    "\x1b]1337;File=inline=1:AAAA\x07",
    "\x1b]1337;SetUserVar=a=b\x07",
    "\x1b]1337;RunCommand=x\x07",
    "\x1b]1337;CopyToClipboard=\x07",
    "\x1b]0;unfinished",
    // Device control, application programs, privacy messages, start of string.
    "\x1bP$q\"p\x1b\\",
    "\x1bPq#0;2;0;0;0\x1b\\",
    "\x1bP+q544e\x1b\\",
    "\x1bPtmux;\x1b\x1b]0;x\x07\x1b\\",
    "\x1b_Ga=T;AAAA\x1b\\",
    "\x1b_payload\x1b\\",
    "\x1b^private\x1b\\",
    "\x1bXstring\x1b\\",
    "\x1bP",
    "\x1b_",
    "\x1b^",
    "\x1bX",
    // Two-character escapes: reset, save, charsets, keypad, index.
    "\x1bc",
    "\x1b7",
    "\x1b8",
    "\x1b=",
    "\x1b>",
    "\x1b(0",
    "\x1b)B",
    "\x1b*A",
    "\x1bD",
    "\x1bE",
    "\x1bH",
    "\x1bM",
    "\x1bN",
    "\x1bO",
    "\x1bZ",
    "\x1b\\",
    "\x1b#8",
    "\x1b#3",
    "\x1b%G",
    "\x1b%@",
    "\x1bn",
    "\x1bo",
    "\x1b|",
    "\x1b}",
    "\x1b~",
    "\x1bk0\x1b\\",
    // The same with eight-bit introducers.
    "\u{9b}31m",
    "\u{9b}2J",
    "\u{9b}6n",
    "\u{9d}0;title\u{9c}",
    "\u{9d}52;c;eA==\x07",
    "\u{90}$q\u{9c}",
    "\u{9f}x\u{9c}",
    "\u{9e}x\u{9c}",
    "\u{98}x\u{9c}",
    "\u{84}",
    "\u{85}",
    "\u{88}",
    "\u{8d}",
    "\u{8e}",
    "\u{8f}",
    "\u{9a}",
    "\u{80}",
    "\u{96}",
    "\u{97}",
    // Single controls.
    "bell\x07",
    "back\x08\x08\x08space",
    "vt\x0b",
    "ff\x0c",
    "so\x0e",
    "si\x0f",
    "enq\x05",
    "nul\0",
    "del\x7f",
    "can\x18",
    "sub\x1a",
    "xon\x11",
    "xoff\x13",
    "syn\x16",
    "gs\x1d",
    "us\x1f",
    "over\rwrite",
    "two\nlines",
    "two\r\nlines",
    "a\tb",
    "\t\t\t\t\t\t\t\t\t\t",
    "ok\n2026-11-24 ERROR forged",
    "\x1b\n[31m",
    "100%\r\x1b[Kdone",
];

/// Texts that hide a part of themselves, or show it in another order.
const HIDDEN: &[&str] = &[
    "gnp.\u{202e}vsc",
    "\u{202a}a",
    "\u{202b}a",
    "\u{202c}a",
    "\u{202d}a",
    "\u{2066}a",
    "\u{2067}a\u{2069}",
    "\u{2068}a",
    "\u{200e}a",
    "\u{200f}a",
    "\u{61c}a",
    "if (x \u{2066}// comment\u{2069} \u{202e}",
    "report\u{202e}fdp.exe",
    "zero\u{200b}width",
    "non\u{200c}joiner",
    "join\u{200d}er",
    "word\u{2060}joiner",
    "bom\u{feff}inside",
    "\u{feff}first",
    "soft\u{ad}hyphen",
    "grapheme\u{34f}joiner",
    "\u{115f}hangul",
    "\u{1160}hangul",
    "\u{3164}filler",
    "\u{ffa0}filler",
    "\u{2800}braille",
    "khmer\u{17b4}",
    "khmer\u{17b5}",
    "mongolian\u{180e}",
    "\u{180b}variation",
    "\u{180f}variation",
    "line\u{2028}separator",
    "paragraph\u{2029}separator",
    "\u{2061}function",
    "\u{2062}times",
    "\u{2063}comma",
    "\u{2064}plus",
    "\u{2065}unassigned",
    "\u{206a}a",
    "\u{206b}a",
    "\u{206c}a",
    "\u{206d}a",
    "\u{206e}a",
    "\u{206f}a",
    "\u{fff9}a\u{fffa}b\u{fffb}",
    "\u{fff0}",
    "\u{fff8}",
    "tag\u{e0001}",
    "\u{e0041}\u{e0042}\u{e007f}",
    "\u{e0100}variation",
    "\u{e01ef}",
    "\u{e0fff}",
    "\u{1d173}beam",
    "\u{1d17a}phrase",
    "\u{1bca0}short",
    "\u{13430}egypt",
    "\u{1345f}egypt",
];

/// What must stay as it is.
const HARMLESS: &[&str] = &[
    "",
    " ",
    "orders-2026-11.csv",
    "naïve – 表 ✓",
    "Übergrößenträger",
    "Ελληνικά",
    "Привет",
    "עברית",
    "العربية",
    "हिन्दी",
    "ไทย",
    "日本語テキスト",
    "한국어",
    "👍",
    "👩",
    "🇩🇪",
    "e\u{301}",
    "a\u{300}\u{316}",
    "✔\u{fe0f}",
    "½ × 3 ÷ 4 ≠ ∞",
    "“quotes” ‘and’ …",
    "\u{a0}no-break",
    "\u{3000}wide blank",
    "c:\\temp\\x",
    "<b>&amp;</b>",
    "${HOME} `id` $(id)",
    "'; DROP TABLE jobs; --",
    "%s%n%x",
    "{{7*7}}",
    "../../etc/passwd",
    "-rf",
    "\u{10ffff}",
    "\u{e000}",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
];

/// The characters that may not come through, by a list of its own, so that a slip in the one in use is seen.
fn dangerous(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x2800 | 0x3164 | 0xfeff | 0xffa0
            | 0x180b..=0x180f | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfff0..=0xfffb
            | 0x13430..=0x1345f | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
}

fn check(raw: &str) {
    let cleaned = clean(raw);
    assert!(
        !cleaned.chars().any(dangerous),
        "{raw:?} became {cleaned:?}"
    );
    assert_eq!(
        cleaned.chars().count(),
        raw.chars().count(),
        "{raw:?}: nothing vanishes"
    );
    assert_eq!(clean(&cleaned), cleaned, "{raw:?}: once is enough");
    for limit in [0, 1, 3, 10] {
        let cut = clean_within(raw, limit);
        assert!(
            cut.chars().count() <= limit.max(1),
            "{raw:?} within {limit}: {cut:?}"
        );
        assert!(
            !cut.chars().any(dangerous),
            "{raw:?} within {limit}: {cut:?}"
        );
    }
}

#[test]
fn nothing_steers_and_nothing_hides() {
    assert!(
        SEQUENCES.len() + HIDDEN.len() >= 200,
        "{}",
        SEQUENCES.len() + HIDDEN.len()
    );
    for raw in SEQUENCES.iter().chain(HIDDEN) {
        check(raw);
        assert_ne!(clean(raw), *raw, "{raw:?} is in the wrong list");
        // Not at the beginning, not at the end, not twice, not between wide characters.
        for around in [
            format!("x{raw}"),
            format!("{raw}{raw}"),
            format!("表{raw}表"),
            format!("{raw}\x1b"),
        ] {
            check(&around);
        }
    }
}

#[test]
fn what_is_harmless_stays() {
    for raw in HARMLESS {
        assert_eq!(clean(raw), *raw);
        assert!(
            matches!(clean(raw), std::borrow::Cow::Borrowed(_)),
            "{raw:?}"
        );
    }
}

#[test]
fn every_single_character() {
    for c in (0..=0x0010_ffff).filter_map(char::from_u32) {
        let mut buffer = [0; 4];
        let raw = &*c.encode_utf8(&mut buffer);
        let kept = clean(raw) == raw;
        assert_eq!(kept, !dangerous(c), "{c:?}");
    }
}

proptest! {
    #[test]
    fn any_text(raw in any::<String>()) {
        check(&raw);
    }

    #[test]
    fn any_mixture(parts in proptest::collection::vec(
        prop_oneof![prop::sample::select(SEQUENCES), prop::sample::select(HIDDEN), prop::sample::select(HARMLESS)], 0..6
    )) {
        check(&parts.concat());
    }
}
