//! `Diagnose`: a diagnosis as a message.

use std::fmt::Write as _;

use lychgate_api::v1;
use lychgate_store::Durability;
use lychgate_store::configuration::ConfigurationDigest;

use super::purpose;
use crate::admin::diagnosis::{Diagnosis, IssuerDiagnosis, StoreDiagnosis};
use crate::ground::protobuf_time::{exact_duration, instant, timestamp};
use crate::issuers::UpstreamCheck;
use crate::keys::keyring::ActiveKey;
use crate::keys::signing::kid;

pub(super) fn response(diagnosis: Diagnosis) -> v1::DiagnoseResponse {
    let certificate = |(key, not_after): (&str, _)| v1::CertificateState {
        key: key.to_owned(),
        expire_time: Some(timestamp(not_after)),
    };
    v1::DiagnoseResponse {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        time: Some(instant(diagnosis.now)),
        store: Some(store(diagnosis.store)),
        certificates: diagnosis.certificates.into_iter().map(certificate).collect(),
        issuers: diagnosis.issuers.into_iter().map(issuer).collect(),
    }
}

fn store(store: StoreDiagnosis) -> v1::StoreState {
    v1::StoreState {
        durability: store.durability.map_or(v1::Durability::Unspecified, durability).into(),
        required_durability: durability(store.required_durability).into(),
        problem: store.problem.unwrap_or_default(),
        clock_difference: store.clock_difference.map(exact_duration),
        record_level: store.record_level,
        newest_record_level: store.newest_record_level,
        raised_from_level: store.raised_from,
        free_bytes: store.free_bytes,
        reserve_bytes: store.reserve_bytes,
        engine: store.engine.to_owned(),
    }
}

fn durability(durability: Durability) -> v1::Durability {
    match durability {
        Durability::Process => v1::Durability::Process,
        Durability::LocalDisk => v1::Durability::LocalDisk,
        Durability::Replicated => v1::Durability::Replicated,
    }
}

fn issuer(issuer: IssuerDiagnosis) -> v1::IssuerState {
    v1::IssuerState {
        issuer_id: issuer.id,
        issuer: issuer.url,
        configuration_sha256: issuer.own_configuration.map(hex).unwrap_or_default(),
        latest_configuration_sha256: issuer.latest_configuration.map(hex).unwrap_or_default(),
        upstream: issuer.upstream.map(|check| upstream(&check)),
        keys: issuer.keys.into_iter().map(key).collect(),
        checkup_url: issuer.checkup_url.unwrap_or_default(),
    }
}

fn upstream(check: &UpstreamCheck) -> v1::UpstreamCheck {
    let (problem, key) = match &check.problem {
        Some(problem) => (problem.error.clone(), problem.key.clone()),
        None => Default::default(),
    };
    v1::UpstreamCheck { time: Some(timestamp(check.at)), problem, key }
}

fn key(key: ActiveKey) -> v1::ActiveKey {
    v1::ActiveKey {
        purpose: purpose(key.family).into(),
        key_id: kid(key.id),
        active_time: Some(timestamp(key.active_at)),
        replace_time: Some(timestamp(key.replaced_at)),
    }
}

fn hex(digest: ConfigurationDigest) -> String {
    digest.0.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
