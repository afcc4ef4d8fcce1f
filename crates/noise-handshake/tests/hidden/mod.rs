//! Whether something that is shown shows a secret.

use core::fmt::Debug;

use wirecraft_noise_handshake::PublicKey;

/// Asserts that `shown` holds no three bytes of `secret` in a row: in hexadecimal, as a list of numbers
/// or in base64.
pub(crate) fn assert_hidden(shown: &impl Debug, secret: &[u8; 32]) {
    for text in [format!("{shown:?}"), format!("{shown:#?}")] {
        // `{:#?}` writes a number a line.
        let text = text.split_whitespace().collect::<String>();
        for window in secret.windows(3) {
            let [a, b, c] = window else {
                unreachable!("windows of three")
            };
            assert!(!text.contains(&format!("{a},{b},{c}")), "{text}");
            let hexadecimal = format!("{a:02x}{b:02x}{c:02x}");
            assert!(!text.to_lowercase().contains(&hexadecimal), "{text}");
        }
        let base64 = PublicKey::from_bytes(*secret).to_string();
        for start in 0..base64.len() - 6 {
            assert!(!text.contains(&base64[start..start + 6]), "{text}");
        }
    }
}
