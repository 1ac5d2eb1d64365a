//! Records the messages of one authorization, as an edge sends and gets them, for the test of compatibility in `crates/api`.

use std::fmt::Write as _;

use lychgate_api::v1;
use lychgate_api::v1::authorization_service_client::AuthorizationServiceClient;
use lychgate_api::v1::issuer_service_client::IssuerServiceClient;
use lychgate_api::v1::registration_service_client::RegistrationServiceClient;
use lychgate_api::v1::token_service_client::TokenServiceClient;
use prost::{Message, Name};

use crate::support::*;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto/previous/exchanges.txt");

/// Lines of a message's full name and its bytes in hexadecimal digits.
struct Recorder(String);

impl Recorder {
    fn note<M: Message + Name + Clone>(&mut self, message: &M) -> M {
        let hex: String = message.encode_to_vec().iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(self.0, "{}", format!("{} {hex}", M::full_name()).trim_end()).unwrap();
        message.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes proto/previous/exchanges.txt; see CONTRIBUTING.md"]
async fn record_one_authorization() {
    let env = Environment::new().await;
    let control = env.start().await;
    let channel = control.edge().channel;
    let mut authorization = AuthorizationServiceClient::new(channel.clone());
    let mut token = TokenServiceClient::new(channel.clone());
    let mut kept = Recorder("# The messages of one authorization, as the previous release sent them.\n".to_owned());

    let describe = kept.note(&v1::DescribeRequest { issuer_id: ISSUER.to_owned() });
    kept.note(IssuerServiceClient::new(channel.clone()).describe(describe).await.unwrap().get_ref());
    let register = kept.note(&App::registration("none"));
    kept.note(RegistrationServiceClient::new(channel).register(register).await.unwrap().get_ref());

    let mut flow = Flow::new(App::configured());
    let begun = authorization.begin(kept.note(&flow.begin())).await.unwrap();
    kept.note(begun.get_ref());
    let ticket = query(location(begun.get_ref().next.as_ref().unwrap()))["ticket"].clone();
    let shown = authorization.show(kept.note(&flow.show(&ticket))).await.unwrap();
    let next = kept.note(shown.get_ref()).next.unwrap();
    flow.browser.keep(&next);
    let request = flow.decide(&page(next), v1::Decision::Approve);
    let decided = authorization.decide(kept.note(&request)).await.unwrap();
    let next = kept.note(decided.get_ref()).next.unwrap();
    let callback = flow.log_in(&next, &env.idp);
    let finished = authorization.finish_login(kept.note(&callback)).await.unwrap();
    let code = code_in(kept.note(finished.get_ref()).next.as_ref().unwrap());

    let exchanged = token.exchange(kept.note(&flow.redeem(&code))).await.unwrap();
    let tokens = kept.note(exchanged.get_ref());
    let refreshed = token.exchange(kept.note(&flow.refresh(tokens.refresh_token()))).await.unwrap();
    let tokens = kept.note(refreshed.get_ref());
    let revoked = token.revoke(kept.note(&flow.revoke(tokens.refresh_token()))).await.unwrap();
    kept.note(revoked.get_ref());
    std::fs::write(FILE, kept.0).unwrap();
}
