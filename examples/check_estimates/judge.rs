//! What was held for each request, in sample and with its file left out?

use std::collections::BTreeMap;
use std::sync::Arc;

use token_budget::tokens::{Calibration, Estimate, Explanation, FamilyEstimator};

use super::records::Record;
use super::rule::{Recorded, derived};

/// An estimate beside what was reported.
#[derive(Clone)]
pub(crate) struct Outcome {
    pub(crate) family: &'static str,
    pub(crate) estimate: Estimate,
    pub(crate) reported: u64,
}

/// Every request four times, in the order of the file.
pub(crate) struct Judged {
    /// By the table that is built in.
    pub(crate) plain: Vec<Outcome>,
    /// With what was learned from the same requests.
    pub(crate) calibrated: Vec<Outcome>,
    /// By a table made without the request's file.
    pub(crate) left_out: Vec<Outcome>,
    /// With what was learned from the other files.
    pub(crate) left_out_calibrated: Vec<Outcome>,
    /// The parts of `left_out`.
    pub(crate) explained: Vec<Explanation>,
}

impl Judged {
    pub(crate) fn of(records: &[Record]) -> Self {
        let recorded = recorded(records);
        let plain = plain(&recorded);
        let explained = left_out(records, &recorded);
        let pairs = explained.iter().zip(records);
        let left_out: Vec<Outcome> =
            pairs.map(|(explained, record)| outcome(explained, record.reported)).collect();
        let all = taught(records, &plain, None);
        let calibrated = applied(records, &plain, |_| Arc::clone(&all));
        let left_out_calibrated = by_others(records, &left_out);
        Self { plain, calibrated, left_out, left_out_calibrated, explained }
    }
}

/// The family's estimator, with OpenAI's vocabularies where they are built in.
pub(crate) fn estimator() -> FamilyEstimator {
    #[cfg(feature = "tiktoken")]
    return FamilyEstimator::counting(token_budget::tokens::TiktokenEstimator::new());
    #[cfg(not(feature = "tiktoken"))]
    FamilyEstimator::new()
}

fn outcome(explained: &Explanation, reported: u64) -> Outcome {
    Outcome { family: explained.family, estimate: explained.estimate, reported }
}

/// Every request by the table that is built in.
pub(crate) fn plain(recorded: &[Recorded]) -> Vec<Outcome> {
    recorded.iter().map(|recorded| outcome(&recorded.explained, recorded.reported)).collect()
}

/// Every request by its parts.
pub(crate) fn recorded(records: &[Record]) -> Vec<Recorded> {
    let estimator = estimator();
    let each = |record: &Record| Recorded {
        file: record.file.clone(),
        explained: estimator.explain(&record.model, &record.prompt),
        reported: record.reported,
    };
    records.iter().map(each).collect()
}

/// Every request by a table that knows nothing of its file.
fn left_out(records: &[Record], recorded: &[Recorded]) -> Vec<Explanation> {
    let mut tables: BTreeMap<&str, FamilyEstimator> = BTreeMap::new();
    for record in records {
        tables.entry(&record.file).or_insert_with(|| {
            let others = recorded.iter().filter(|other| other.file != record.file);
            estimator().measured_by(Arc::new(derived(others)))
        });
    }
    let each = |record: &Record| tables[record.file.as_str()].explain(&record.model, &record.prompt);
    records.iter().map(each).collect()
}

/// Every outcome with what the other files taught.
pub(crate) fn by_others(records: &[Record], outcomes: &[Outcome]) -> Vec<Outcome> {
    let mut calibrations: BTreeMap<&str, Arc<Calibration>> = BTreeMap::new();
    for record in records {
        let taught = || taught(records, outcomes, Some(&record.file));
        calibrations.entry(&record.file).or_insert_with(taught);
    }
    applied(records, outcomes, |record| Arc::clone(&calibrations[record.file.as_str()]))
}

/// What a calibration learns from these outcomes, without those of one file.
pub(crate) fn taught(records: &[Record], outcomes: &[Outcome], without: Option<&str>) -> Arc<Calibration> {
    let calibration = Calibration::new();
    for (record, outcome) in records.iter().zip(outcomes) {
        if without != Some(record.file.as_str()) {
            calibration.observe(&record.model, &outcome.estimate, record.reported);
        }
    }
    Arc::new(calibration)
}

pub(crate) fn applied(
    records: &[Record],
    outcomes: &[Outcome],
    calibration: impl Fn(&Record) -> Arc<Calibration>,
) -> Vec<Outcome> {
    let each = |(record, outcome): (&Record, &Outcome)| Outcome {
        estimate: calibration(record).applied(&record.model, outcome.estimate),
        ..outcome.clone()
    };
    records.iter().zip(outcomes).map(each).collect()
}
