//! Writes the descriptors of today's protocol to standard output, without comments: at a release they become
//! `proto/previous/descriptors.binpb`.

use std::io::{self, Write as _};

use lychgate_api::FILE_DESCRIPTORS;
use prost::Message as _;
use prost_types::FileDescriptorSet;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut descriptors = FileDescriptorSet::decode(FILE_DESCRIPTORS)?;
    for file in &mut descriptors.file {
        file.source_code_info = None;
    }
    Ok(io::stdout().write_all(&descriptors.encode_to_vec())?)
}
