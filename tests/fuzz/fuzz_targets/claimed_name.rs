#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    lychgate_fuzz_targets::claimed_name(bytes);
});
