//! The control plane's diagnosis of itself, its store and its identity providers, judged.

use lychgate_api::v1;
use prost_types::Timestamp;

use super::certificate;
use super::finding::Finding;
use crate::operator::failure::{Exit, Failure};

/// The difference of clocks, in seconds, from which it is reported. Above two the control plane takes no commits: the engine for
/// PostgreSQL decides that (`Options::largest_clock_difference`).
const CLOCK_SECONDS: f64 = 1.0;

/// A diagnosis travels for a moment, so its time is judged less strictly.
const OWN_CLOCK_SECONDS: i64 = 30;

/// A rotation is done by the next request after it is due.
const ROTATION_SLACK: i64 = 86_400;

const SYNCHRONIZE: &str = "let NTP or chrony set the clock of every machine";

pub(super) fn unreachable(failure: &Failure) -> Finding {
    let otherwise = match failure.exit {
        Exit::Unreachable => "start it, or correct --control",
        Exit::Refused => "use the token of a principal with the role operator",
        Exit::Done | Exit::No | Exit::Usage | Exit::Other => "look into the log of the control plane",
    };
    let (found, remedy) = failure.line.rsplit_once("; ").unwrap_or((&failure.line, otherwise));
    Finding::fail("control plane", found, remedy)
}

/// `now` are seconds since the epoch by this machine's clock.
pub(super) fn findings(diagnosis: &v1::DiagnoseResponse, now: i64, issuer: Option<&str>) -> Vec<Finding> {
    let mut findings = vec![version(&diagnosis.version)];
    let store = diagnosis.store.clone().unwrap_or_default();
    findings.push(durability(&store));
    findings.extend(clocks(&store, diagnosis.time.as_ref(), now));
    findings.extend(record_level(&store));
    findings.extend(disk(&store));
    for v1::CertificateState { key, expire_time } in &diagnosis.certificates {
        let Some(end) = expire_time else { continue };
        let remedy = "renew it and replace the file: the control plane reads it again by itself";
        findings.push(certificate::judge("control certificate", end.seconds, now, remedy).about(key));
    }
    for state in diagnosis.issuers.iter().filter(|state| issuer.is_none_or(|id| id == state.issuer_id)) {
        let of_issuer = [configuration(state), Some(upstream(state)), keys(state, diagnosis.time.as_ref())];
        findings.extend(of_issuer.into_iter().flatten().map(|finding| finding.about(&state.issuer_id)));
    }
    findings
}

fn version(control: &str) -> Finding {
    let own = env!("CARGO_PKG_VERSION");
    if control == own {
        return Finding::ok("control plane", format!("version {control} answers"));
    }
    let found = format!("version {control} answers, and this command is of version {own}");
    Finding::warn("control plane", found, "use the command of the version that runs")
}

fn durability(store: &v1::StoreState) -> Finding {
    const CHECK: &str = "durability";
    let is_postgres = store.engine == "postgres";
    match (store.durability(), store.required_durability()) {
        (v1::Durability::Unspecified, _) => {
            let found = format!("degraded: the store takes no commits: {}", store.problem);
            let remedy = match is_postgres {
                true => "look at the database, its standbys and its clock: docs/operations.md, PostgreSQL",
                false => "look at the disk of the store, and into the log of the control plane",
            };
            Finding::fail(CHECK, found, remedy)
        }
        (v1::Durability::Process, _) => {
            let found = "memory: everything is lost when the process ends";
            Finding::warn(CHECK, found, "set engine = \"rocksdb\" or \"postgres\" in [store]")
        }
        (v1::Durability::LocalDisk, _) if is_postgres => {
            let found = "single: the database has no synchronous standby, and a commit is lost with its disk";
            Finding::warn(CHECK, found, "add synchronous standbys, and remove allow_single from [store]")
        }
        (v1::Durability::LocalDisk, _) => {
            Finding::ok(CHECK, "single: a commit survives the end of the process and of the machine")
        }
        (v1::Durability::Replicated, v1::Durability::Replicated) => {
            Finding::ok(CHECK, "synchronous: a commit survives the loss of a node")
        }
        (v1::Durability::Replicated, _) => {
            let found = "synchronous, but allow_single is set: without standbys, commits would go on unprotected";
            Finding::warn(CHECK, found, "remove allow_single from [store]")
        }
    }
}

/// The clock of the control plane beside that of the store, and beside that of this machine.
fn clocks(store: &v1::StoreState, control: Option<&Timestamp>, now: i64) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(difference) = &store.clock_difference {
        let seconds = difference.seconds as f64 + f64::from(difference.nanos) / 1e9;
        let found = format!("differs from the store's by {seconds:.3} s");
        findings.push(match seconds < CLOCK_SECONDS {
            true => Finding::ok("clock", found),
            false => Finding::warn("clock", found + "; above 2 s, no commits are taken", SYNCHRONIZE),
        });
    }
    if let Some(control) = control {
        let seconds = control.seconds.abs_diff(now);
        let found = format!("differs from this machine's by {seconds} s");
        findings.push(match seconds < OWN_CLOCK_SECONDS.unsigned_abs() {
            true => Finding::ok("clock", "agrees with this machine's"),
            false => Finding::warn("clock", found, SYNCHRONIZE),
        });
    }
    findings
}

fn record_level(store: &v1::StoreState) -> Option<Finding> {
    const CHECK: &str = "record level";
    let (level, newest) = (store.record_level?, store.newest_record_level);
    Some(if level > newest {
        let found = format!("{level}, which a newer version raised; this version knows up to {newest}");
        Finding::fail(CHECK, found, "upgrade this control plane: docs/upgrades.md")
    } else if let Some(from) = store.raised_from_level {
        let found = format!("{level}, raised from {from} when the store was opened: an older version refuses it now");
        Finding::ok(CHECK, found)
    } else {
        Finding::ok(CHECK, format!("{level}; the highest that this version writes is {newest}"))
    })
}

fn disk(store: &v1::StoreState) -> Option<Finding> {
    const CHECK: &str = "disk";
    const REMEDY: &str = "give the store more space";
    let (free, reserve) = (store.free_bytes?, store.reserve_bytes);
    let megabytes = |bytes: u64| bytes / (1024 * 1024);
    let found = format!("{} MB are free", megabytes(free));
    Some(if free < reserve {
        let found = format!("{found}, below the reserve of {} MB: nothing new begins", megabytes(reserve));
        Finding::fail(CHECK, found, REMEDY)
    } else if free < reserve.saturating_mul(2) {
        Finding::warn(CHECK, format!("{found}; below {} MB nothing new begins", megabytes(reserve)), REMEDY)
    } else {
        Finding::ok(CHECK, found)
    })
}

/// `None` if the store cannot be read, which its own finding says.
fn configuration(state: &v1::IssuerState) -> Option<Finding> {
    const CHECK: &str = "configuration";
    let (own, latest) = (&state.configuration_sha256, &state.latest_configuration_sha256);
    let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
    if latest.is_empty() {
        return None;
    }
    if own == latest {
        return Some(Finding::ok(CHECK, format!("{}, as at the node that was started last", short(own))));
    }
    let found = format!("{}, and the node that was started or reloaded last has {}", short(own), short(latest));
    let remedy = "give all nodes the same configuration, and restart those that have the old one";
    Some(Finding::fail(CHECK, found, remedy))
}

fn upstream(state: &v1::IssuerState) -> Finding {
    const CHECK: &str = "identity provider";
    match &state.upstream {
        None => Finding::warn(CHECK, "was not checked yet", "ask again in a minute"),
        Some(check) if check.problem.is_empty() => {
            let at = check.time.as_ref().map(Timestamp::to_string).unwrap_or_default();
            Finding::ok(CHECK, format!("answered as configured at {at}"))
        }
        Some(check) => {
            let remedy = format!("correct {}, or wait until the provider answers again", check.key);
            Finding::fail(CHECK, format!("people cannot sign in: {}", check.problem), remedy)
        }
    }
}

fn keys(state: &v1::IssuerState, now: Option<&Timestamp>) -> Option<Finding> {
    const CHECK: &str = "keys";
    let seconds = |time: &Option<Timestamp>| time.as_ref().map_or(i64::MAX, |time| time.seconds);
    let next = state.keys.iter().min_by_key(|key| seconds(&key.replace_time))?;
    let (due, now) = (seconds(&next.replace_time), now.map_or(0, |now| now.seconds));
    let purpose =
        next.purpose().as_str_name().trim_start_matches("KEY_PURPOSE_").to_ascii_lowercase().replace('_', "-");
    let date = Timestamp { seconds: due, nanos: 0 };
    if due.saturating_add(ROTATION_SLACK) < now {
        let found = format!("the {purpose} key should have been replaced at {date}");
        let remedy =
            format!("look into the log of the control plane for the keyring, or run keys rotate --purpose {purpose}");
        return Some(Finding::warn(CHECK, found, remedy));
    }
    let count = state.keys.len();
    Some(Finding::ok(CHECK, format!("{count} purposes have an active key; the {purpose} key is replaced at {date}")))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn store(durability: v1::Durability, required: v1::Durability, engine: &str) -> v1::StoreState {
        v1::StoreState {
            durability: durability.into(),
            required_durability: required.into(),
            engine: engine.to_owned(),
            record_level: Some(7),
            newest_record_level: 7,
            ..v1::StoreState::default()
        }
    }

    #[test]
    fn durability_is_compared_with_what_was_configured() {
        use v1::Durability::{LocalDisk, Process, Replicated, Unspecified};
        for (effective, required, engine, level, word) in [
            (Replicated, Replicated, "postgres", Level::Ok, "synchronous"),
            (Replicated, LocalDisk, "postgres", Level::Warn, "allow_single"),
            (LocalDisk, LocalDisk, "postgres", Level::Warn, "single"),
            (LocalDisk, LocalDisk, "rocksdb", Level::Ok, "single"),
            (Process, Process, "memory", Level::Warn, "memory"),
            (Unspecified, Replicated, "postgres", Level::Fail, "degraded"),
            (Unspecified, LocalDisk, "rocksdb", Level::Fail, "degraded"),
        ] {
            let finding = durability(&store(effective, required, engine));
            assert_eq!(finding.level, level, "{finding:?}");
            assert!(finding.finding.contains(word), "{finding:?}");
        }
    }

    #[test]
    fn clocks_are_compared_with_the_stores_and_with_this_machines() {
        let levels = |nanos: i32, seconds: i64, own: i64| {
            let difference = Some(prost_types::Duration { seconds, nanos });
            let store = v1::StoreState { clock_difference: difference, ..v1::StoreState::default() };
            let found = clocks(&store, Some(&Timestamp { seconds: 1000 + own, nanos: 0 }), 1000);
            found.iter().map(|finding| finding.level).collect::<Vec<_>>()
        };
        assert_eq!(levels(0, 0, 0), [Level::Ok, Level::Ok]);
        assert_eq!(levels(0, 1, -29), [Level::Warn, Level::Ok]);
        assert_eq!(levels(900_000_000, 0, 30), [Level::Ok, Level::Warn]);
        assert!(clocks(&v1::StoreState::default(), None, 0).is_empty());
    }

    #[test]
    fn record_level_disk_and_configuration_are_judged() {
        let level = |level, from| {
            let store = v1::StoreState {
                raised_from_level: from,
                ..store(v1::Durability::Process, v1::Durability::Process, "")
            };
            record_level(&v1::StoreState { record_level: level, ..store }).map(|finding| finding.level)
        };
        assert_eq!(level(Some(7), None), Some(Level::Ok));
        assert_eq!(level(Some(7), Some(6)), Some(Level::Ok));
        assert_eq!(level(Some(8), None), Some(Level::Fail));
        assert_eq!(level(None, None), None);
        let disk = |free| disk(&v1::StoreState { free_bytes: free, reserve_bytes: 100, ..Default::default() });
        let levels = [99, 100, 199, 200].map(|free| disk(Some(free)).unwrap().level);
        assert_eq!((levels, disk(None)), ([Level::Fail, Level::Warn, Level::Warn, Level::Ok], None));
        let configuration = |latest: &str| {
            let digests = ("aa".to_owned(), latest.to_owned());
            let (configuration_sha256, latest_configuration_sha256) = digests;
            let state = v1::IssuerState { configuration_sha256, latest_configuration_sha256, ..Default::default() };
            configuration(&state).map(|finding| finding.level)
        };
        assert_eq!(
            [configuration("aa"), configuration("bb"), configuration("")],
            [Some(Level::Ok), Some(Level::Fail), None]
        );
    }

    #[test]
    fn providers_and_keys_are_judged() {
        let upstream = |check| upstream(&v1::IssuerState { upstream: check, ..Default::default() });
        let problem = v1::UpstreamCheck { problem: "refused".to_owned(), key: "a.b".to_owned(), time: None };
        let failed = upstream(Some(problem));
        assert!(failed.level == Level::Fail && failed.remedy.contains("a.b"), "{failed:?}");
        assert_eq!(upstream(None).level, Level::Warn);
        assert_eq!(upstream(Some(v1::UpstreamCheck::default())).level, Level::Ok);
        let keys = |seconds| {
            let replace_time = Some(Timestamp { seconds, nanos: 0 });
            let key =
                v1::ActiveKey { purpose: v1::KeyPurpose::RefreshToken.into(), replace_time, ..Default::default() };
            let state = v1::IssuerState { keys: vec![key], ..Default::default() };
            keys(&state, Some(&Timestamp { seconds: 1_000_000, nanos: 0 })).unwrap()
        };
        assert_eq!(keys(1_000_000 - ROTATION_SLACK).level, Level::Ok);
        let overdue = keys(1_000_000 - ROTATION_SLACK - 1);
        assert!(overdue.level == Level::Warn && overdue.remedy.contains("--purpose refresh-token"), "{overdue:?}");
        assert_eq!(super::keys(&v1::IssuerState::default(), None), None);
    }

    #[test]
    fn a_failure_is_split_into_its_problem_and_its_remedy() {
        let split = unreachable(&Failure::new(Exit::Unreachable, "it cannot be reached: refused; check that it runs"));
        assert_eq!(
            (split.finding.as_str(), split.remedy.as_str()),
            ("it cannot be reached: refused", "check that it runs")
        );
        let bare = unreachable(&Failure::new(Exit::Refused, "PERMISSION_DENIED"));
        assert!(bare.remedy.contains("operator"), "{bare:?}");
    }
}
