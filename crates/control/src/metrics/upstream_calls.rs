//! Metrics of the requests to identity providers.

use std::time::Instant;

use lychgate_domain::subject::UpstreamId;
use lychgate_process::metrics::{Durations, durations};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::registry::{Registry, Unit};

/// The duration of each request to an identity provider, by endpoint and outcome.
#[derive(Clone, Debug)]
pub(crate) struct UpstreamCallMetrics(Durations<CallLabels>);

/// The endpoint of an identity provider, as metrics name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CalledEndpoint {
    Discovery,
    Keys,
    Token,
    Userinfo,
    Revocation,
    /// A check, without a person, that an endpoint is there.
    Probe,
}

/// The end of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallOutcome {
    /// An answer with a status of success. Some providers answer refusals with it, too.
    Success,
    /// An answer with another status that a repetition would not change.
    Refused,
    /// 429 or a status of 500 and above.
    Unavailable,
    /// No whole answer in time.
    Timeout,
    /// The connection could not be made, or broke.
    Failed,
    /// The answer is larger than is read.
    TooLarge,
    /// The request was not sent, because as many as may be were in progress.
    Busy,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    upstream: String,
    endpoint: &'static str,
    outcome: &'static str,
}

/// A request in progress. If it is dropped before its end, its outcome is `abandoned`.
#[derive(Debug)]
pub(crate) struct UpstreamCall {
    metrics: UpstreamCallMetrics,
    labels: CallLabels,
    begun: Instant,
}

impl UpstreamCallMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let calls = durations();
        let help = "Requests to identity providers, by endpoint, outcome and duration";
        registry.register_with_unit("lychgate_upstream_call_duration", help, Unit::Seconds, Durations::clone(&calls));
        Self(calls)
    }

    pub(crate) fn begin(&self, upstream: &UpstreamId, endpoint: CalledEndpoint) -> UpstreamCall {
        let labels =
            CallLabels { upstream: upstream.as_str().to_owned(), endpoint: endpoint.label(), outcome: "abandoned" };
        UpstreamCall { metrics: self.clone(), labels, begun: Instant::now() }
    }
}

impl UpstreamCall {
    pub(crate) fn end(mut self, outcome: CallOutcome) {
        self.labels.outcome = outcome.label();
    }
}

impl Drop for UpstreamCall {
    fn drop(&mut self) {
        self.metrics.0.get_or_create(&self.labels).observe(self.begun.elapsed().as_secs_f64());
    }
}

impl CalledEndpoint {
    fn label(self) -> &'static str {
        match self {
            CalledEndpoint::Discovery => "discovery",
            CalledEndpoint::Keys => "keys",
            CalledEndpoint::Token => "token",
            CalledEndpoint::Userinfo => "userinfo",
            CalledEndpoint::Revocation => "revocation",
            CalledEndpoint::Probe => "probe",
        }
    }
}

impl CallOutcome {
    fn label(self) -> &'static str {
        match self {
            CallOutcome::Success => "success",
            CallOutcome::Refused => "refused",
            CallOutcome::Unavailable => "unavailable",
            CallOutcome::Timeout => "timeout",
            CallOutcome::Failed => "failed",
            CallOutcome::TooLarge => "too_large",
            CallOutcome::Busy => "busy",
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;

    use super::*;

    #[test]
    fn a_call_that_is_dropped_before_its_end_counts_as_abandoned() {
        let mut registry = Registry::default();
        let metrics = UpstreamCallMetrics::register(&mut registry);
        let upstream = UpstreamId::parse("idp").unwrap();
        metrics.begin(&upstream, CalledEndpoint::Token).end(CallOutcome::Timeout);
        drop(metrics.begin(&upstream, CalledEndpoint::Keys));
        let mut exposed = String::new();
        text::encode(&mut exposed, &registry).unwrap();
        let count = |endpoint: &str, outcome: &str| {
            let labels = format!("upstream=\"idp\",endpoint=\"{endpoint}\",outcome=\"{outcome}\"");
            exposed.contains(&format!("lychgate_upstream_call_duration_seconds_count{{{labels}}} 1\n"))
        };
        assert!(count("token", "timeout") && count("keys", "abandoned"), "{exposed}");
        assert!(!count("token", "abandoned"), "{exposed}");
    }
}
