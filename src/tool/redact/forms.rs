//! The forms in which a secret is written: as it is, escaped, encoded, within something that is encoded.

use std::{collections::BTreeSet, fmt::Write as _};

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

/// The shortest form that is looked for, in characters.
const SHORTEST: usize = 8;
/// The shortest line of a secret that is looked for by itself.
const SHORTEST_LINE: usize = 16;

/// All forms of `secret`; none when it is too short.
pub(super) fn of(secret: &str) -> BTreeSet<String> {
    if secret.chars().count() < SHORTEST {
        return BTreeSet::new();
    }
    let bytes = secret.as_bytes();
    let escaped = json_escaped(secret);
    let mut forms: BTreeSet<String> = [
        secret.to_owned(),
        json_escaped(&escaped),
        escaped.replace('/', r"\/"),
        escaped,
        secret.escape_debug().to_string(),
        BASE64.encode(bytes),
        BASE64_NOPAD.encode(bytes),
        BASE64URL.encode(bytes),
        BASE64URL_NOPAD.encode(bytes),
        HEXLOWER.encode(bytes),
        HEXUPPER.encode(bytes),
    ]
    .into();
    // Who encodes for URLs keeps different characters: RFC 3986, JavaScript, and forms, where a blank is a plus.
    for kept in ["-._~", "-._~!'()*", "-._*", "-._~/"] {
        let encoded = percent_encoded(secret, kept);
        forms.insert(lower_hex(&encoded));
        forms.insert(encoded.replace("%20", "+"));
        forms.insert(lower_hex(&encoded).replace("%20", "+"));
        forms.insert(encoded);
    }
    for shift in 0..3 {
        forms.extend(within_base64(bytes, shift));
    }
    forms.extend(lines(secret).map(str::to_owned));
    forms.retain(|form| form.chars().count() >= SHORTEST);
    forms
}

fn json_escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn percent_encoded(text: &str, kept: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a string takes all that is written");
        }
    }
    encoded
}

/// The same with `%2f` for `%2F`.
fn lower_hex(encoded: &str) -> String {
    let mut parts = encoded.split('%');
    let mut lower = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        lower.push('%');
        lower.push_str(&digits.to_ascii_lowercase());
        lower.push_str(rest);
    }
    lower
}

/// What base64 makes of the secret when `shift` bytes stand before it, modulo 3, without the characters at both ends that depend on what is
/// around it: `user:secret` of HTTP's basic authentication is found by this.
fn within_base64(secret: &[u8], shift: usize) -> [String; 2] {
    let mut bytes = vec![0; shift];
    bytes.extend_from_slice(secret);
    let begin = [0, 2, 3][shift];
    // Of a last group that is not full, the last character holds bits of what follows.
    let cut = usize::from(!bytes.len().is_multiple_of(3));
    [BASE64_NOPAD.encode(&bytes), BASE64URL_NOPAD.encode(&bytes)]
        .map(|encoded| encoded.get(begin..encoded.len() - cut).unwrap_or_default().to_owned())
}

/// The lines of a secret that has several, such as a key file, without those that say what it is.
fn lines(secret: &str) -> impl Iterator<Item = &str> {
    let lines = secret.lines().map(str::trim).filter(|line| line.chars().count() >= SHORTEST_LINE && !line.starts_with("-----"));
    lines.filter(|_| secret.contains('\n'))
}
