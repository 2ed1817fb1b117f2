//! Somebody else's pipeline: a Python script that cleans a CSV file and has never heard of jobtop.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Reads a file, strips the cells, drops rows without an amount, writes the rest. `PACE` is what the work costs: so
/// many milliseconds of rest every hundred rows, so that a small file takes as long as a test needs it to.
const SCRIPT: &str = r#"import csv, sys, time

source, target = sys.argv[1], sys.argv[2]
pace = float(sys.argv[3]) / 1000 if len(sys.argv) > 3 else 0
code = int(sys.argv[4]) if len(sys.argv) > 4 else 0
kept = dropped = 0
with open(source, newline="") as rows, open(target, "w", newline="") as out:
    reader, writer = csv.reader(rows), csv.writer(out)
    writer.writerow(next(reader))
    for number, row in enumerate(reader):
        row = [cell.strip() for cell in row]
        if row[2]:
            writer.writerow(row)
            kept += 1
        else:
            dropped += 1
        if pace and number % 100 == 0:
            out.flush()
            time.sleep(pace)
print(f"kept {kept} dropped {dropped}")
print("done", file=sys.stderr)
sys.exit(code)
"#;

/// A pipeline in a folder: its script and its input.
#[derive(Debug)]
pub struct Pipeline {
    dir: PathBuf,
}

impl Pipeline {
    /// Writes the script and an input of that many rows into the folder.
    pub fn new(dir: &Path, rows: usize) -> Self {
        fs::write(dir.join("clean.py"), SCRIPT).expect("the script can be written");
        fs::write(dir.join("big.csv"), csv(rows)).expect("the input can be written");
        Self {
            dir: dir.to_owned(),
        }
    }

    /// The command, with its paths relative to the folder: rows rest `pace` milliseconds every hundred.
    pub fn command(&self, target: &str, pace: u32, code: i32) -> Vec<String> {
        [
            "python3",
            "clean.py",
            "big.csv",
            target,
            &pace.to_string(),
            &code.to_string(),
        ]
        .map(str::to_owned)
        .to_vec()
    }

    /// What the script makes of the input when nobody watches it.
    pub fn expected(&self) -> Vec<u8> {
        let argv = self.command("expected.csv", 0, 0);
        let done = std::process::Command::new(&argv[0])
            .args(&argv[1..])
            .current_dir(&self.dir)
            .output()
            .expect("python3 can be started");
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        self.output("expected.csv")
    }

    /// What lies in a file of the folder.
    pub fn output(&self, target: &str) -> Vec<u8> {
        fs::read(self.dir.join(target)).unwrap_or_default()
    }
}

/// A CSV file of that many rows, the same every time: blanks around cells, an amount missing in every 17th row.
pub fn csv(rows: usize) -> String {
    let mut text = String::from("id,name,amount,note\n");
    for row in 0..rows {
        let amount = if row % 17 == 0 {
            String::new()
        } else {
            format!("{}.{:02}", row * 7 % 1000, row % 100)
        };
        writeln!(
            text,
            "{row},  customer {} ,{amount}, \"note, {}\" ",
            row * 31 % 997,
            row % 13
        )
        .expect("a string can be written to");
    }
    text
}
