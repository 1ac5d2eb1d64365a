//! Compiles what travels, `proto/lychgate/v1` and the part of Envoy's API that is served, without protoc.

use std::path::Path;

use prost::Message as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Asked when it runs: a build that was kept may have been made at another place.
    let root = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    for folder in ["lychgate/v1", "envoy", "google"] {
        println!("cargo::rerun-if-changed={}", root.join(folder).display());
    }
    let ours = ["account", "admin", "authorization", "consent", "issuer", "registration", "token"]
        .map(|name| format!("lychgate/v1/{name}.proto"));
    let envoys = "envoy/service/auth/v3/external_auth.proto".to_owned();
    let descriptors = protox::compile(ours.into_iter().chain([envoys]), [root])?;
    let out = std::env::var("OUT_DIR")?;
    std::fs::write(Path::new(&out).join("descriptors.bin"), descriptors.encode_to_vec())?;
    let mut config = prost_build::Config::new();
    // What is printed as JSON is found in the descriptors by its name.
    config.enable_type_names();
    tonic_prost_build::configure()
        .extern_path(".google.rpc", "::tonic_types::pb")
        .compile_fds_with_config(descriptors, config)?;
    Ok(())
}
