//! A page for every code, compiled in, and codes from what people type.

use std::str::FromStr;

use crate::{
    diagnostic::{ALL_CODES, Code, nearest},
    error::{Error, ErrorKind},
};

/// What a code means, with a wrong example and the right one, as Markdown. The same pages are in `docs/diagnostics`.
///
/// Empty for a number that is no code.
#[must_use]
pub fn explain(code: Code) -> &'static str {
    PAGES.iter().find(|(number, _)| *number == code.0).map_or("", |(_, page)| page)
}

impl FromStr for Code {
    type Err = Error;

    /// Reads `AF012`, `af12` or `12`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let digits = text.trim().trim_start_matches(['A', 'a']).trim_start_matches(['F', 'f']);
        let code = digits.parse().ok().map(Self).filter(|code| ALL_CODES.contains(code));
        code.ok_or_else(|| {
            let names: Vec<String> = ALL_CODES.iter().map(Self::to_string).collect();
            let error = Error::new(ErrorKind::NotFound, format!("there is no code `{}`", text.escape_default()));
            match nearest(&text.to_uppercase(), names.iter().map(String::as_str)) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error.hint(format!("codes are written like `{}`", names[0])),
            }
        })
    }
}

macro_rules! pages {
    ($($number:literal $file:literal)*) => {
        &[$(($number, include_str!(concat!("../../docs/diagnostics/", $file, ".md")))),*]
    };
}

const PAGES: &[(u16, &str)] = pages! {
    1 "AF001"
    2 "AF002"
    3 "AF003"
    4 "AF004"
    5 "AF005"
    6 "AF006"
    7 "AF007"
    8 "AF008"
    9 "AF009"
    10 "AF010"
    11 "AF011"
    12 "AF012"
    13 "AF013"
    14 "AF014"
    15 "AF015"
    16 "AF016"
    17 "AF017"
    18 "AF018"
    19 "AF019"
    20 "AF020"
    21 "AF021"
    22 "AF022"
    23 "AF023"
    24 "AF024"
    25 "AF025"
    26 "AF026"
    30 "AF030"
    31 "AF031"
    32 "AF032"
    33 "AF033"
    34 "AF034"
    35 "AF035"
    36 "AF036"
    37 "AF037"
    38 "AF038"
    39 "AF039"
    40 "AF040"
    41 "AF041"
    42 "AF042"
    43 "AF043"
    44 "AF044"
    45 "AF045"
    46 "AF046"
    47 "AF047"
    48 "AF048"
    49 "AF049"
    50 "AF050"
    51 "AF051"
    60 "AF060"
    61 "AF061"
    62 "AF062"
    63 "AF063"
    70 "AF070"
    71 "AF071"
    72 "AF072"
    73 "AF073"
    74 "AF074"
    75 "AF075"
    76 "AF076"
    77 "AF077"
    78 "AF078"
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_a_page_that_begins_with_its_title() {
        for code in ALL_CODES {
            let first_line = explain(*code).lines().next().unwrap_or_default();
            assert_eq!(first_line, format!("# {code}: {}", code.title()));
        }
        assert_eq!(PAGES.len(), ALL_CODES.len());
        assert_eq!(explain(Code(999)), "");
    }

    #[test]
    fn codes_are_read_as_people_type_them() {
        for text in ["AF012", "af012", "af12", "12", "012", " AF012 "] {
            assert_eq!(text.parse::<Code>().unwrap(), Code::BAD_SCHEMA, "{text}");
        }
        for text in ["", "AF", "AF999", "99999999", "x", "-12", "AF1 2"] {
            assert!(text.parse::<Code>().is_err(), "{text}");
        }
        let error = "AF099".parse::<Code>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.message(), "there is no code `AF099`");
        assert_eq!(error.hints().len(), 1);
    }
}
