//! Options: arguments that tell a program to do something else than the permission's author had in mind.
//!
//! A model may give one only where a rule of the operator has a word that begins with `-` in that place. Settings can free a program of
//! that, and a word such as `-*` would; those options that run programs or write files stay closed until a rule spells them whole.

use crate::{
    error::{Error, ErrorKind, Result},
    model::Permission,
    tool::command::programs::without_version,
};

/// What a program can be told that makes it run something, write somewhere or look elsewhere.
struct Closed {
    programs: &'static [&'static str],
    /// What its first word may not be.
    first: &'static [&'static str],
    /// Letters after one `-`.
    letters: &'static str,
    /// Whole words, which may be shortened when they begin with `--`, and may have a value after `=`.
    words: &'static [&'static str],
}

#[rustfmt::skip]
const CLOSED: &[Closed] = &[
    Closed {
        programs: &["git"],
        first: &["bisect", "config", "daemon", "difftool", "filter-branch", "mergetool", "send-email", "shell", "submodule"],
        letters: "cCOux",
        words: &[
            "--config", "--config-env", "--exec", "--exec-path", "--ext-diff", "--extcmd", "--git-dir", "--open-files-in-pager",
            "--output", "--output-directory", "--receive-pack", "--template", "--textconv", "--upload-pack", "--work-tree",
        ],
    },
    Closed {
        programs: &["find", "gfind"],
        first: &[],
        letters: "",
        words: &["-delete", "-exec", "-execdir", "-files0-from", "-fls", "-fprint", "-fprint0", "-fprintf", "-ok", "-okdir"],
    },
    Closed { programs: &["fd", "fdfind"], first: &[], letters: "xX", words: &["--exec", "--exec-batch"] },
    Closed {
        programs: &["tar", "gtar", "bsdtar"],
        first: &[],
        letters: "FI",
        words: &[
            "--checkpoint-action", "--info-script", "--new-volume-script", "--rmt-command", "--rsh-command", "--to-command",
            "--use-compress-program",
        ],
    },
    Closed { programs: &["rg"], first: &[], letters: "", words: &["--hostname-bin", "--pre"] },
    Closed { programs: &["sort", "gsort"], first: &[], letters: "oT", words: &["--compress-program", "--output"] },
    Closed { programs: &["split", "gsplit"], first: &[], letters: "", words: &["--filter"] },
    Closed { programs: &["rsync"], first: &[], letters: "eM", words: &["--rsh", "--rsync-path", "--remote-option"] },
    Closed { programs: &["zip"], first: &[], letters: "T", words: &["--unzip-command", "--test"] },
    Closed { programs: &["curl"], first: &[], letters: "oOKT", words: &["--config", "--output", "--remote-name", "--upload-file"] },
    Closed {
        programs: &["wget"],
        first: &[],
        letters: "eOP",
        words: &["--body-file", "--config", "--execute", "--output-document", "--post-file", "--use-askpass"],
    },
    Closed {
        programs: &["go"],
        first: &["generate", "run", "tool"],
        letters: "",
        words: &["-exec", "-modfile", "-overlay", "-toolexec", "-vettool"],
    },
    Closed { programs: &["cargo"], first: &[], letters: "", words: &["--config"] },
    Closed { programs: &["npm", "pnpm", "yarn"], first: &["create", "dlx", "exec", "init", "x"], letters: "", words: &["--call", "--script-shell"] },
    Closed { programs: &["uv"], first: &["run", "tool", "x"], letters: "", words: &[] },
];

/// Programs whose first argument is options, with or without `-`.
const BUNDLED: &[&str] = &["tar", "gtar", "bsdtar"];

/// Whether `program` may be given `arguments`, as one of the `rules` that permit it spells them.
///
/// # Errors
/// `Denied`, naming the argument.
pub(super) fn check<'a>(
    program: &str,
    arguments: &[String],
    rules: impl Iterator<Item = &'a Permission>,
    is_free: bool,
) -> Result<()> {
    let mut refused = None;
    for rule in rules {
        match first_refused(program, arguments, rule.words(), is_free) {
            None => return Ok(()),
            Some(found) => refused = Some(found),
        }
    }
    let (argument, why) = refused.unwrap_or((program, "no rule of the policy permits it"));
    let message = format!("`{}` may not be given to `{program}`: {why}", argument.escape_debug());
    Err(Error::new(ErrorKind::Denied, message).hint("spell it in the policy, in its place: `run:git log --oneline`"))
}

/// The first argument that is too much, and why.
fn first_refused<'a>(program: &str, arguments: &'a [String], words: &[String], is_free: bool) -> Option<(&'a str, &'static str)> {
    let name = without_version(program);
    let closed = || CLOSED.iter().filter(|closed| closed.programs.contains(&name));
    let first_word = arguments.iter().position(|argument| !argument.starts_with('-'));
    arguments.iter().enumerate().find_map(|(index, argument)| {
        let word = words.get(index);
        if word == Some(argument) {
            return None;
        }
        let is_bundle = index == 0 && BUNDLED.contains(&name);
        let is_option = argument.starts_with('-') || is_bundle;
        let is_closed = closed().any(|closed| {
            let option = if is_bundle { format!("-{}", argument.trim_start_matches('-')) } else { argument.clone() };
            // After an option, what comes next may be its value, and the subcommand is further on.
            let is_subcommand = Some(index) == first_word || index > 0 && arguments[index - 1].starts_with('-');
            closed.has(if argument.starts_with("--") { argument } else { &option })
                || is_subcommand && closed.first.contains(&argument.as_str())
        });
        if is_closed {
            return Some((argument.as_str(), "it would have the program run something else or write somewhere else"));
        }
        let is_spelled = is_free || word.is_some_and(|word| word.starts_with('-'));
        (is_option && !is_spelled).then_some((argument.as_str(), "options are only taken where the policy spells them"))
    })
}

impl Closed {
    fn has(&self, argument: &str) -> bool {
        let name = argument.split_once('=').map_or(argument, |(name, _)| name);
        if let Some(long) = name.strip_prefix("--") {
            // Many programs take the beginning of a long option for it.
            return !long.is_empty() && self.words.iter().any(|word| word.starts_with("--") && word.starts_with(name))
                // Some take one `-` for two.
                || self.words.iter().any(|word| word.strip_prefix('-') == Some(long));
        }
        let Some(cluster) = name.strip_prefix('-') else { return false };
        self.words.contains(&name) || cluster.contains(|letter| self.letters.contains(letter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Access;

    #[track_caller]
    fn try_out(rules: &[&str], is_free: bool, line: &str) -> Result<()> {
        let mut words = line.split(' ').map(str::to_owned);
        let program = words.next().unwrap();
        let rules: Vec<Permission> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        let access = Access::Run { program: program.clone(), arguments: words.collect() };
        let Access::Run { arguments, .. } = &access else { unreachable!() };
        check(&program, arguments, rules.iter().filter(|rule| rule.covers(&access)), is_free)
    }

    #[test]
    fn options_are_taken_where_a_rule_spells_them() {
        let rules = &["run:git log --format=*", "run:git log"];
        for good in ["git log", "git log --format=%h", "git log --format=%h main", "git log main"] {
            try_out(rules, false, good).unwrap();
        }
        for bad in ["git log --oneline", "git log --format=%h -n1", "git log main --format=%h", "git log -", "git log --"] {
            try_out(rules, false, bad).unwrap_err();
        }
        try_out(&["run:git *"], false, "git --version").unwrap_err();
        try_out(&["run:git -*"], false, "git --version").unwrap();
    }

    #[test]
    fn what_runs_or_writes_stays_closed_until_it_is_spelled_whole() {
        for bad in [
            "git -c core.pager=x log",
            "git -ccore.pager=x log",
            "git -C /etc log",
            "git log --output=/etc/x",
            "git log --outp=x",
            "git log --ou x",
            "git fetch --upload-pack=x",
            "git grep -O x",
            "git grep -iOx",
            "git config core.pager x",
            "git -p config core.pager x",
            "git --exec-path=/tmp log",
            "find . -exec sh",
            "find . -execdir sh",
            "find . -delete",
            "find . --delete",
            "find . -fprintf x",
            "tar -xf a.tar --to-command=sh",
            "tar --checkpoint-act=exec=sh -xf a",
            "tar -xIsh -f a",
            "tar xIf sh a",
            "rg --pre sh x",
            "sort -o /etc/x",
            "sort --output=x",
            "npm exec x",
            "go run x.go",
            "rsync -e sh a b:",
        ] {
            try_out(&[&format!("run:{}", bad.split(' ').next().unwrap())], true, bad).unwrap_err();
        }
        for good in
            ["git log --oneline -n1", "find . -name x", "tar -tf a.tar", "tar tf a.tar", "rg -i --glob x", "npm run config"]
        {
            try_out(&[&format!("run:{}", good.split(' ').next().unwrap())], true, good).unwrap();
        }
        try_out(&["run:git log --output=a.txt"], false, "git log --output=a.txt").unwrap();
        try_out(&["run:npm exec prettier"], false, "npm exec prettier src").unwrap();
        try_out(&["run:tar tf"], false, "tar tf a.tar").unwrap();
        try_out(&["run:tar"], false, "tar tf a.tar").unwrap_err();
    }
}
