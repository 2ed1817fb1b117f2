//! `field_mapping`: turns the rows of one file into those of another as a mapping file says: renames, converts and
//! computes columns. A row whose values can't be converted is put aside with a reason.

use std::path::Path;

use csv::{ByteRecord, StringRecord};
use serde::{Deserialize, Serialize};

use super::Tally;
use super::csv_processing::Column;
use super::sheet::{self, Rejects, STRIDE};
use super::values::{self, Kind};
use crate::cli::demo::desk::{Desk, Stop};

/// What it reads and writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Files<'a> {
    /// The clean rows.
    pub(crate) input: &'a Path,
    /// What becomes of them: a [`Mapping`] in JSON.
    pub(crate) mapping: &'a Path,
    /// The mapped rows.
    pub(crate) output: &'a Path,
    /// Those that could not be mapped.
    pub(crate) rejects: &'a Path,
}

/// A mapping file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mapping {
    /// The columns to be written, in their order.
    pub(crate) fields: Vec<Field>,
}

/// A column to be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Field {
    /// Its name.
    pub(crate) to: String,
    /// Where its values come from.
    #[serde(flatten)]
    pub(crate) source: Source<String>,
    /// How they are converted.
    #[serde(rename = "as", default)]
    pub(crate) form: Form,
}

/// Where a value comes from; a column is a name in the file and an index once it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source<C> {
    /// A column's value.
    From(C),
    /// The product of several columns' amounts.
    Product(Vec<C>),
    /// Several columns' texts, joined by ` / `.
    Join(Vec<C>),
}

/// How a value is converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Form {
    /// As it is.
    #[default]
    Text,
    /// In capitals.
    Upper,
    /// A date, `2026-11-03`.
    Date,
    /// An amount, `1234.50`.
    Money,
    /// An amount in cents, `123450`.
    Cents,
    /// A whole number.
    Integer,
}

/// Does the work.
pub(crate) fn run(desk: &Desk, files: Files<'_>, tally: &mut Tally) -> Result<(), Stop> {
    desk.step(0, "reading the mapping");
    let mapping = read(files.mapping)?;
    let bytes = std::fs::metadata(files.input)
        .map_err(|error| Stop::file(files.input, &error))?
        .len();
    let total = sheet::count(files.input, desk)?;
    desk.report(|p| {
        p.total_items = total;
        p.total_bytes = bytes;
    });

    desk.step(
        1,
        format!("columns to be written: {}", mapping.fields.len()),
    );
    let names = sheet::header(&mut sheet::open(files.input)?, files.input)?;
    let plan = mapping
        .fields
        .iter()
        .map(|field| field.find(&names, files))
        .collect::<Result<Vec<_>, _>>()?;

    desk.step(2, format!("{} columns from {}", plan.len(), names.len()));
    transform(desk, files, &plan, tally)?;

    desk.step(3, "reading back what was written");
    let (out, rejects) = (
        sheet::count(files.output, desk)?,
        sheet::count(files.rejects, desk)?,
    );
    if out != tally.rows_out || rejects != tally.rejects || out + rejects != total {
        return Err(Stop::failed(
            "unreconciled",
            format!("Of {total} rows {out} were written and {rejects} put aside"),
            "Look whether something else writes to the same files",
        ));
    }
    desk.step(4, format!("{out} rows mapped, {rejects} put aside"));
    Ok(())
}

/// A mapping for a file with such columns, each renamed to lower case with underscores and converted by its kind.
pub(crate) fn suggest(columns: &[Column]) -> Mapping {
    let field = |column: &Column| Field {
        to: snake(&column.name),
        source: Source::From(column.name.clone()),
        form: match column.kind {
            Kind::Date => Form::Date,
            Kind::Money => Form::Cents,
            Kind::Integer => Form::Integer,
            Kind::Text | Kind::Number => Form::Text,
        },
    };
    Mapping {
        fields: columns.iter().map(field).collect(),
    }
}

fn snake(name: &str) -> String {
    let parts: Vec<_> = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|part| !part.is_empty())
        .map(str::to_lowercase)
        .collect();
    parts.join("_")
}

fn read(path: &Path) -> Result<Mapping, Stop> {
    let text = std::fs::read(path).map_err(|error| Stop::file(path, &error))?;
    serde_json::from_slice(&text).map_err(|error| {
        Stop::failed(
            "bad_mapping",
            format!("{} is no mapping: {error}", path.display()),
            "It is a JSON object {\"fields\": [{\"to\": …, \"from\": …, \"as\": …}, …]}",
        )
    })
}

impl Field {
    /// The same with the columns looked up.
    fn find(
        &self,
        names: &[String],
        files: Files<'_>,
    ) -> Result<(String, Source<usize>, Form), Stop> {
        let index = |wanted: &String| {
            names.iter().position(|name| name == wanted).ok_or_else(|| {
                let file = |path: &Path| {
                    path.file_name()
                        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
                };
                Stop::failed(
                    "missing_column",
                    format!(
                        "{} makes {:?} from {wanted:?}, a column that {} does not have",
                        file(files.mapping),
                        self.to,
                        file(files.input),
                    ),
                    format!(
                        "Correct the mapping; the file's columns are: {}",
                        names.join(", ")
                    ),
                )
            })
        };
        let all = |wanted: &[String]| wanted.iter().map(index).collect::<Result<Vec<_>, _>>();
        let source = match &self.source {
            Source::From(name) => Source::From(index(name)?),
            Source::Product(names) => Source::Product(all(names)?),
            Source::Join(names) => Source::Join(all(names)?),
        };
        Ok((self.to.clone(), source, self.form))
    }
}

fn transform(
    desk: &Desk,
    files: Files<'_>,
    plan: &[(String, Source<usize>, Form)],
    tally: &mut Tally,
) -> Result<(), Stop> {
    let mut reader = sheet::open(files.input)?;
    let mut output = sheet::create(files.output)?;
    let mut rejects = Rejects::create(files.rejects)?;
    let unwritten = |error: csv::Error| Stop::file(files.output, &error);
    output
        .write_record(plan.iter().map(|(to, ..)| to))
        .map_err(unwritten)?;

    let mut row = ByteRecord::new();
    while sheet::next(&mut reader, &mut row, files.input)? {
        tally.rows_in += 1;
        match mapped(&row, plan) {
            Ok(fields) => {
                output.write_record(&fields).map_err(unwritten)?;
                tally.rows_out += 1;
            }
            Err(reason) => {
                rejects.put(tally.rows_in, &reason, row.iter())?;
                tally.rejects += 1;
            }
        }
        if tally.rows_in.is_multiple_of(STRIDE) {
            report(desk, tally, reader.position().byte());
            desk.checkpoint()?;
        }
    }
    report(desk, tally, reader.position().byte());
    sheet::close(output, files.output)?;
    rejects.close()
}

fn report(desk: &Desk, tally: &Tally, bytes: u64) {
    desk.report(|p| {
        p.items = tally.rows_in;
        p.errors = tally.rejects;
        p.bytes = bytes;
    });
}

fn mapped(
    row: &ByteRecord,
    plan: &[(String, Source<usize>, Form)],
) -> Result<StringRecord, String> {
    let text = sheet::text(row).map_err(|at| format!("field {at} is not UTF-8 text"))?;
    let mut fields = StringRecord::with_capacity(row.as_slice().len(), plan.len());
    for (to, source, form) in plan {
        let cell = |at: &usize| text.get(*at).unwrap_or_default();
        let raw = match source {
            Source::From(at) => cell(at).to_owned(),
            Source::Product(columns) => {
                product(columns.iter().map(cell)).map_err(|why| format!("{to}: {why}"))?
            }
            Source::Join(columns) => columns.iter().map(cell).collect::<Vec<_>>().join(" / "),
        };
        fields.push_field(&form.convert(raw).map_err(|why| format!("{to}: {why}"))?);
    }
    Ok(fields)
}

impl Form {
    fn convert(self, raw: String) -> Result<String, String> {
        let kind = match self {
            Self::Text => return Ok(raw),
            Self::Upper => return Ok(raw.to_uppercase()),
            _ if raw.is_empty() => return Ok(raw),
            Self::Date => Kind::Date,
            Self::Money | Self::Cents => Kind::Money,
            Self::Integer => Kind::Integer,
        };
        let value = match self {
            Self::Cents => values::cents(&raw).map(|cents| cents.to_string()),
            _ => kind.cleaned(&raw),
        };
        value.ok_or_else(|| format!("{raw:?} is not {}", kind.noun()))
    }
}

/// The product of amounts, exact to the cent (a third decimal is cut off).
fn product<'a>(factors: impl Iterator<Item = &'a str>) -> Result<String, String> {
    let mut hundredths: i128 = 100;
    for factor in factors {
        let cents = values::cents(factor).ok_or_else(|| format!("{factor:?} is not an amount"))?;
        hundredths = hundredths
            .checked_mul(i128::from(cents))
            .ok_or("the product is too large")?
            / 100;
    }
    i64::try_from(hundredths)
        .map(values::money)
        .map_err(|_| "the product is too large".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::desk;

    const MAPPING: &str = r#"{"fields": [
        {"to": "number", "from": "Order ID"},
        {"to": "day", "from": "Order Date", "as": "date"},
        {"to": "land", "from": "Country", "as": "upper"},
        {"to": "sum", "product": ["Quantity", "Unit Price"], "as": "cents"},
        {"to": "label", "join": ["Order ID", "Country"]}
    ]}"#;

    fn run_on(input: &str, mapping: &str) -> (Tally, Result<(), Stop>, String, String) {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("in.csv"), input).unwrap();
        std::fs::write(path("map.json"), mapping).unwrap();
        let files = Files {
            input: &path("in.csv"),
            mapping: &path("map.json"),
            output: &path("out.csv"),
            rejects: &path("rejects.csv"),
        };
        let (desk, _watcher) = desk::open();
        let mut tally = Tally::default();
        let ended = run(&desk, files, &mut tally);
        let read = |name| std::fs::read_to_string(path(name)).unwrap_or_default();
        (tally, ended, read("out.csv"), read("rejects.csv"))
    }

    #[test]
    fn renames_converts_and_computes() {
        let (tally, ended, out, rejects) = run_on(
            "Order ID,Order Date,Country,Quantity,Unit Price\nA1,3.11.2026,de,3,19.99\nA2,soon,fr,1,2\nA3,2026-11-04,es,x,2\n",
            MAPPING,
        );
        assert_eq!(ended, Ok(()));
        assert_eq!(
            out,
            "number,day,land,sum,label\nA1,2026-11-03,DE,5997,A1 / de\n"
        );
        assert_eq!((tally.rows_in, tally.rows_out, tally.rejects), (3, 1, 2));
        assert!(
            rejects.contains("2,\"day: \"\"soon\"\" is not a date\",A2"),
            "{rejects}"
        );
        assert!(
            rejects.contains("3,\"sum: \"\"x\"\" is not an amount\",A3"),
            "{rejects}"
        );
    }

    #[test]
    fn a_column_that_is_not_there_is_named_with_those_that_are() {
        let (tally, ended, ..) = run_on("Order No,Country\n1,de\n", MAPPING);
        let Err(Stop::Failed(trouble)) = ended else {
            panic!("{ended:?}")
        };
        assert_eq!(trouble.code, "missing_column");
        assert!(trouble.message.contains("\"Order ID\""), "{trouble:?}");
        assert!(
            trouble.suggestion.ends_with("Order No, Country"),
            "{trouble:?}"
        );
        assert_eq!(tally, Tally::default());
    }

    #[test]
    fn a_mapping_that_is_none_is_said_so() {
        for mapping in [
            "",
            "{}",
            "{\"fields\": [{\"to\": \"x\"}]}",
            "{\"fields\": [{\"to\": \"x\", \"from\": \"a\", \"as\": \"y\"}]}",
        ] {
            let (_, ended, ..) = run_on("a\n1\n", mapping);
            assert!(
                matches!(ended, Err(Stop::Failed(t)) if t.code == "bad_mapping"),
                "{mapping}"
            );
        }
    }

    #[test]
    fn a_suggested_mapping_takes_every_column_along() {
        let column = |name: &str, kind| Column {
            name: name.into(),
            kind,
            required: false,
        };
        let mapping = suggest(&[
            column("Order ID", Kind::Text),
            column("Unit Price", Kind::Money),
        ]);
        let text = serde_json::to_string(&mapping).unwrap();
        assert_eq!(
            text,
            r#"{"fields":[{"to":"order_id","from":"Order ID","as":"text"},{"to":"unit_price","from":"Unit Price","as":"cents"}]}"#
        );
        assert_eq!(serde_json::from_str::<Mapping>(&text).unwrap(), mapping);
    }
}
