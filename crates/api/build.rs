//! Compiles the wire types from `proto/lychgate/v1` and the excerpt of Envoy's API, without protoc.

use std::path::Path;

use prost::Message as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Read at run time: a cached build script may have been compiled in another directory.
    let root = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    for folder in ["lychgate/v1", "envoy", "google"] {
        println!("cargo::rerun-if-changed={}", root.join(folder).display());
    }
    let own = ["account", "admin", "authorization", "consent", "issuer", "registration", "token", "upstream_token"]
        .map(|name| format!("lychgate/v1/{name}.proto"));
    let envoy = "envoy/service/auth/v3/external_auth.proto".to_owned();
    let descriptors = protox::compile(own.into_iter().chain([envoy]), [root])?;
    let out = std::env::var("OUT_DIR")?;
    std::fs::write(Path::new(&out).join("descriptors.bin"), descriptors.encode_to_vec())?;
    let mut config = prost_build::Config::new();
    // `lychgate` prints messages as JSON and finds their descriptors by type name.
    config.enable_type_names();
    tonic_prost_build::configure()
        .extern_path(".google.rpc", "::tonic_types::pb")
        .compile_fds_with_config(descriptors, config)?;
    Ok(())
}
