//! What the demo does, as data: who wants which work on which file, and what has to be there before. Pure.

use std::path::PathBuf;

/// Which of the plan's works; an index into it.
pub(crate) type WorkId = usize;

/// One piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Work {
    /// What people call it.
    pub(crate) name: String,
    /// What the files it writes are named after.
    pub(crate) file: String,
    /// Whose it is.
    pub(crate) user: &'static str,
    /// What is done.
    pub(crate) task: Task,
    /// What it is done to.
    pub(crate) input: Input,
    /// How it should end.
    pub(crate) expected: Expected,
}

/// Where the rows come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// A file that is there.
    File(PathBuf),
    /// What another work writes.
    Of(WorkId),
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Task {
    /// Cleaned.
    CsvProcessing,
    /// Mapped as that file says.
    FieldMapping(PathBuf),
    /// Sent to the sink.
    ApiUpload,
}

impl Task {
    /// The job's type.
    pub(crate) const fn job_type(&self) -> &'static str {
        match self {
            Self::CsvProcessing => "csv_processing",
            Self::FieldMapping(_) => "field_mapping",
            Self::ApiUpload => "api_upload",
        }
    }
}

/// How a work should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Well.
    Completed,
    /// Badly, to show what that looks like.
    Failed,
}

/// The files of the demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Files {
    /// A name and a path each.
    pub(crate) inputs: Vec<(String, PathBuf)>,
    /// A mapping that fits them.
    pub(crate) mapping: PathBuf,
    /// One that names a column they do not have.
    pub(crate) wrong_mapping: PathBuf,
}

const USERS: [&str; 3] = ["analyst1", "analyst2", "warehouse"];

/// For every file: clean it, map it, upload it, each file for somebody else. And a mapping that can't be done.
pub(crate) fn plan(files: &Files) -> Vec<Work> {
    let mut works = Vec::new();
    for ((name, path), user) in files.inputs.iter().zip(USERS.into_iter().cycle()) {
        let work = |label: String, task, input| Work {
            name: label,
            file: name.clone(),
            user,
            task,
            input,
            expected: Expected::Completed,
        };
        let first = works.len();
        works.push(work(
            format!("{name}.csv"),
            Task::CsvProcessing,
            Input::File(path.clone()),
        ));
        works.push(work(
            format!("{name} mapping"),
            Task::FieldMapping(files.mapping.clone()),
            Input::Of(first),
        ));
        works.push(work(
            format!("{name} upload"),
            Task::ApiUpload,
            Input::Of(first + 1),
        ));
    }
    if let Some((name, _)) = files.inputs.first() {
        works.push(Work {
            name: format!("{name} partner"),
            file: name.clone(),
            user: "partner-desk",
            task: Task::FieldMapping(files.wrong_mapping.clone()),
            input: Input::Of(0),
            expected: Expected::Failed,
        });
    }
    works
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_work_comes_after_what_it_needs() {
        let file = |name: &str| (name.to_owned(), PathBuf::from(name));
        let files = Files {
            inputs: vec![file("a"), file("b"), file("c")],
            mapping: "m".into(),
            wrong_mapping: "w".into(),
        };
        let works = plan(&files);
        assert_eq!(works.len(), 10);
        for (at, work) in works.iter().enumerate() {
            match work.input {
                Input::File(_) => assert_eq!(work.task, Task::CsvProcessing),
                Input::Of(other) => assert!(other < at),
            }
        }
        let failing = works
            .iter()
            .filter(|work| work.expected == Expected::Failed);
        assert_eq!(failing.count(), 1);
    }
}
