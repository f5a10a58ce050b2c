//! What a call touches, and what permits it: compared as parsed values, never as text.

mod compare;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, ErrorKind},
    model::tool::stars_fit,
};

/// One thing that a call touches.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Access {
    /// A server on the network.
    Net {
        /// Whether the connection is encrypted and its end is who it says.
        secure: bool,
        /// A name in lower case without a last dot, or an address as it is written in full (`127.0.0.1`, `::1`).
        host: String,
        /// The port.
        port: u16,
    },
    /// A file or folder of the project that is read: its path from the project's folder, with `/`, without `.` and `..`; empty for the
    /// folder itself.
    Read {
        /// The path.
        path: String,
    },
    /// The same, written.
    Write {
        /// The path.
        path: String,
    },
    /// A program that is run.
    Run {
        /// Its name.
        program: String,
        /// What it is given, each argument for itself.
        arguments: Vec<String>,
    },
    /// A tool of an MCP server.
    Mcp {
        /// The name of the server.
        server: String,
        /// The name of the tool, there.
        tool: String,
    },
    /// A collection of memory that is searched.
    Recall {
        /// Its name.
        collection: String,
    },
    /// A collection of memory that is written to.
    Remember {
        /// Its name.
        collection: String,
    },
    /// A mailbox of the project that a message is sent to.
    Send {
        /// Its name.
        mailbox: String,
    },
    /// A mailbox of the project that messages are read of.
    Receive {
        /// Its name.
        mailbox: String,
    },
    /// A secret that is put into the call.
    Secret {
        /// Its name.
        name: String,
    },
}

impl fmt::Display for Access {
    /// The permission that allows exactly this.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Net { secure, host, port } => {
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                let (scheme, usual) = if *secure { ("", 443) } else { ("http://", 80) };
                write!(f, "net:{scheme}{host}")?;
                if *port == usual { Ok(()) } else { write!(f, ":{port}") }
            }
            Self::Read { path } => write!(f, "fs:read:{}", if path.is_empty() { "." } else { path }),
            Self::Write { path } => write!(f, "fs:write:{}", if path.is_empty() { "." } else { path }),
            Self::Run { program, arguments } => {
                write!(f, "run:{program}")?;
                arguments.iter().try_for_each(|argument| {
                    let plain = !argument.is_empty() && !argument.contains(|c: char| c.is_whitespace() || c.is_control());
                    if plain { write!(f, " {argument}") } else { write!(f, " {argument:?}") }
                })
            }
            Self::Mcp { server, tool } => write!(f, "mcp:{server}/{tool}"),
            Self::Recall { collection } => write!(f, "memory:read:{collection}"),
            Self::Remember { collection } => write!(f, "memory:write:{collection}"),
            Self::Send { mailbox } => write!(f, "mailbox:send:{mailbox}"),
            Self::Receive { mailbox } => write!(f, "mailbox:read:{mailbox}"),
            Self::Secret { name } => write!(f, "secret:{name}"),
        }
    }
}

/// Permits calls to touch some things.
///
/// - `net:HOST`: `https` to that host; `net:*.example.com` to all below it, `net:*` to all public ones; `:PORT` for another port than
///   443, `http://` before the host for unencrypted connections (port 80).
/// - `fs:read:GLOB`, `fs:write:GLOB`: paths from the project's folder; `*` within a part of a path, `**` over parts.
/// - `run:PROGRAM WORD…`: that program, its first arguments being these words, in which `*` stands for any characters.
/// - `mcp:SERVER`, `mcp:SERVER/TOOL`: tools of that server, with `*`.
/// - `memory:read:COLLECTION`, `memory:write:COLLECTION`: collections of memory, with `*`.
/// - `mailbox:send:NAME`, `mailbox:read:NAME`: mailboxes of the project, with `*`.
/// - `secret:NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Permission {
    text: String,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum What {
    Net {
        secure: bool,
        host: String,
        port: u16,
        /// Whether it has a host only: no scheme, no port.
        is_bare: bool,
    },
    Read(String),
    Write(String),
    Run {
        program: String,
        words: Vec<String>,
    },
    Mcp {
        server: String,
        tool: String,
    },
    Recall(String),
    Remember(String),
    Send(String),
    Receive(String),
    Secret(String),
}

/// The kinds of things that permissions are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessClass {
    /// `net:`
    Net,
    /// `fs:read:`
    Read,
    /// `fs:write:`
    Write,
    /// `run:`
    Run,
    /// `mcp:`
    Mcp,
    /// `memory:read:`
    Recall,
    /// `memory:write:`
    Remember,
    /// `mailbox:send:`
    Send,
    /// `mailbox:read:`
    Receive,
    /// `secret:`
    Secret,
}

impl AccessClass {
    /// How permissions of the class begin.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Net => "net:",
            Self::Read => "fs:read:",
            Self::Write => "fs:write:",
            Self::Run => "run:",
            Self::Mcp => "mcp:",
            Self::Recall => "memory:read:",
            Self::Remember => "memory:write:",
            Self::Send => "mailbox:send:",
            Self::Receive => "mailbox:read:",
            Self::Secret => "secret:",
        }
    }
}

impl Permission {
    /// The permission as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What it is about.
    #[must_use]
    pub fn class(&self) -> AccessClass {
        match self.what {
            What::Net { .. } => AccessClass::Net,
            What::Read(_) => AccessClass::Read,
            What::Write(_) => AccessClass::Write,
            What::Run { .. } => AccessClass::Run,
            What::Mcp { .. } => AccessClass::Mcp,
            What::Recall(_) => AccessClass::Recall,
            What::Remember(_) => AccessClass::Remember,
            What::Send(_) => AccessClass::Send,
            What::Receive(_) => AccessClass::Receive,
            What::Secret(_) => AccessClass::Secret,
        }
    }

    /// Whether it names exactly the host, not a pattern: only so are hosts permitted that are not public.
    #[must_use]
    pub fn names_host(&self) -> bool {
        matches!(&self.what, What::Net { host, .. } if !host.contains('*'))
    }

    /// The host, or pattern of hosts, it permits to speak to.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match &self.what {
            What::Net { host, .. } => Some(host),
            _ => None,
        }
    }

    /// The words with which the arguments of a program begin.
    #[must_use]
    pub fn words(&self) -> &[String] {
        match &self.what {
            What::Run { words, .. } => words,
            _ => &[],
        }
    }

    /// Whether it is about tools of this MCP server.
    #[must_use]
    pub fn is_of_server(&self, name: &str) -> bool {
        matches!(&self.what, What::Mcp { server, .. } if server == name)
    }

    /// Whether it permits `access`.
    #[must_use]
    pub fn covers(&self, access: &Access) -> bool {
        match (&self.what, access) {
            (What::Net { secure, host, port, .. }, Access::Net { secure: is_secure, host: named, port: at }) => {
                secure == is_secure && port == at && host_fits(host, named)
            }
            (What::Read(glob), Access::Read { path }) | (What::Write(glob), Access::Write { path }) => path_fits(glob, path),
            (What::Run { program, words }, Access::Run { program: run, arguments }) => {
                program == run
                    && words.len() <= arguments.len()
                    && words.iter().zip(arguments).all(|(word, argument)| stars_fit(word, argument))
            }
            (What::Mcp { server, tool }, Access::Mcp { server: named, tool: called }) => {
                server == named && stars_fit(tool, called)
            }
            (What::Recall(pattern), Access::Recall { collection })
            | (What::Remember(pattern), Access::Remember { collection }) => stars_fit(pattern, collection),
            (What::Send(pattern), Access::Send { mailbox }) | (What::Receive(pattern), Access::Receive { mailbox }) => {
                stars_fit(pattern, mailbox)
            }
            (What::Secret(name), Access::Secret { name: wanted }) => name == wanted,
            _ => false,
        }
    }

    /// Whether it denies `access` where it is written to deny: as it permits, but a bare host stands for all its ports, encrypted
    /// or not.
    #[must_use]
    pub fn forbids(&self, access: &Access) -> bool {
        match (&self.what, access) {
            (What::Net { host, is_bare: true, .. }, Access::Net { host: named, .. }) => host_fits(host, named),
            _ => self.covers(access),
        }
    }

    /// The one thing that it permits; `None` for a pattern. A program is taken with these arguments and no more.
    #[must_use]
    pub fn as_access(&self) -> Option<Access> {
        let plain = |text: &String| !text.contains('*');
        match &self.what {
            What::Net { secure, host, port, .. } => {
                plain(host).then(|| Access::Net { secure: *secure, host: host.clone(), port: *port })
            }
            What::Read(glob) => plain(glob).then(|| Access::Read { path: parts(glob).join("/") }),
            What::Write(glob) => plain(glob).then(|| Access::Write { path: parts(glob).join("/") }),
            What::Run { program, words } => {
                words.iter().all(plain).then(|| Access::Run { program: program.clone(), arguments: words.clone() })
            }
            What::Mcp { server, tool } => plain(tool).then(|| Access::Mcp { server: server.clone(), tool: tool.clone() }),
            What::Recall(name) => plain(name).then(|| Access::Recall { collection: name.clone() }),
            What::Remember(name) => plain(name).then(|| Access::Remember { collection: name.clone() }),
            What::Send(name) => plain(name).then(|| Access::Send { mailbox: name.clone() }),
            What::Receive(name) => plain(name).then(|| Access::Receive { mailbox: name.clone() }),
            What::Secret(name) => Some(Access::Secret { name: name.clone() }),
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Permission {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let what = parse(text).ok_or_else(|| {
            Error::new(ErrorKind::Invalid, format!("`{}` is no permission", text.escape_debug())).hint(
                "write `net:HOST`, `fs:read:GLOB`, `fs:write:GLOB`, `run:PROGRAM WORD…`, `mcp:SERVER/TOOL`, \
                 `memory:read:COLLECTION`, `memory:write:COLLECTION`, `mailbox:send:NAME`, `mailbox:read:NAME` or `secret:NAME`",
            )
        })?;
        Ok(Self { text: text.to_owned(), what })
    }
}

impl TryFrom<String> for Permission {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Permission> for String {
    fn from(permission: Permission) -> String {
        permission.text
    }
}

fn parse(text: &str) -> Option<What> {
    if text.chars().any(char::is_control) || text.len() > 1_000 {
        return None;
    }
    let (kind, rest) = text.split_once(':')?;
    match kind {
        "net" => parse_net(rest),
        "fs" => {
            let (way, glob) = rest.split_once(':')?;
            let glob = parse_glob(glob)?;
            match way {
                "read" => Some(What::Read(glob)),
                "write" => Some(What::Write(glob)),
                _ => None,
            }
        }
        "run" => {
            let mut words = rest.split(' ').map(str::to_owned);
            let program = words.next().filter(|program| !program.is_empty() && !program.contains('*'))?;
            let words: Vec<String> = words.collect();
            words.iter().all(|word| !word.is_empty()).then_some(What::Run { program, words })
        }
        "mcp" => {
            let (server, tool) = rest.split_once('/').unwrap_or((rest, "*"));
            let is_good = !server.is_empty() && !server.contains('*') && !tool.is_empty();
            is_good.then(|| What::Mcp { server: server.to_owned(), tool: tool.to_owned() })
        }
        "memory" | "mailbox" => {
            let (way, name) = rest.split_once(':')?;
            let is_good = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-*".contains(c));
            let what = match (kind, way) {
                ("memory", "read") => What::Recall,
                ("memory", "write") => What::Remember,
                ("mailbox", "read") => What::Receive,
                ("mailbox", "send") => What::Send,
                _ => return None,
            };
            is_good.then(|| what(name.to_owned()))
        }
        "secret" => (!rest.is_empty()).then(|| What::Secret(rest.to_owned())),
        _ => None,
    }
}

fn parse_net(rest: &str) -> Option<What> {
    let has_scheme = rest.contains("://");
    let (secure, rest) = match rest.strip_prefix("http://") {
        Some(rest) => (false, rest),
        None => (true, rest.strip_prefix("https://").unwrap_or(rest)),
    };
    let (host, port) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            let host: std::net::Ipv6Addr = host.parse().ok()?;
            (host.to_string(), if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
        }
        None => match rest.split_once(':') {
            Some((host, port)) => (host.to_ascii_lowercase(), Some(port)),
            None => (rest.to_ascii_lowercase(), None),
        },
    };
    let host = host.strip_suffix('.').unwrap_or(&host).to_owned();
    let is_bare = !has_scheme && port.is_none();
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port > 0)?,
        None => {
            if secure {
                443
            } else {
                80
            }
        }
    };
    // A star stands for all names, or for all below one.
    let named = host.strip_prefix("*.").unwrap_or(&host);
    let is_good = host == "*" || (!named.is_empty() && !named.contains(['*', '/', '@', '?', '#', '\\', ' ', '%']));
    is_good.then_some(What::Net { secure, host, port, is_bare })
}

/// A glob of paths without what would lead out of the folder.
fn parse_glob(glob: &str) -> Option<String> {
    let glob = glob.strip_prefix("./").unwrap_or(glob);
    if glob.is_empty() || glob.starts_with('/') || glob.contains('\\') {
        return None;
    }
    let glob = glob.strip_suffix('/').unwrap_or(glob);
    glob.split('/').all(|part| !part.is_empty() && part != "..").then(|| glob.to_owned())
}

fn host_fits(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(domain) => host.strip_suffix(domain).is_some_and(|below| below.len() > 1 && below.ends_with('.')),
        None => pattern == "*" || pattern == host,
    }
}

/// The parts of a path.
fn parts(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !part.is_empty() && *part != ".").collect()
}

/// Whether a path fits: part by part, `*` within a part, `**` for any number of parts.
fn path_fits(glob: &str, path: &str) -> bool {
    let (glob, path) = (parts(glob), parts(path));
    // fits[i] tells whether the parts of the glob so far fit the first i parts of the path.
    let mut fits = vec![false; path.len() + 1];
    fits[0] = true;
    for wanted in glob {
        if wanted == "**" {
            for at in 1..fits.len() {
                fits[at] |= fits[at - 1];
            }
        } else {
            for at in (1..fits.len()).rev() {
                fits[at] = fits[at - 1] && stars_fit(wanted, path[at - 1]);
            }
            fits[0] = false;
        }
    }
    fits[path.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permission(text: &str) -> Permission {
        text.parse().unwrap()
    }

    fn net(secure: bool, host: &str, port: u16) -> Access {
        Access::Net { secure, host: host.to_owned(), port }
    }

    fn run(program: &str, arguments: &[&str]) -> Access {
        Access::Run { program: program.to_owned(), arguments: arguments.iter().map(|&word| word.to_owned()).collect() }
    }

    #[test]
    fn a_host_is_permitted_with_its_scheme_and_port() {
        let api = permission("net:API.github.com");
        assert!(api.covers(&net(true, "api.github.com", 443)));
        assert!(!api.covers(&net(false, "api.github.com", 80)) && !api.covers(&net(true, "api.github.com", 8443)));
        assert!(!api.covers(&net(true, "evil-api.github.com", 443)) && !api.covers(&net(true, "api.github.com.evil.io", 443)));
        let below = permission("net:*.github.com");
        assert!(below.covers(&net(true, "a.b.github.com", 443)));
        assert!(!below.covers(&net(true, "github.com", 443)) && !below.covers(&net(true, "evilgithub.com", 443)));
        assert!(permission("net:http://127.0.0.1:8080").covers(&net(false, "127.0.0.1", 8080)));
        assert!(permission("net:[::1]:9").covers(&net(true, "::1", 9)));
        assert!(permission("net:*").covers(&net(true, "any.where", 443)) && !permission("net:*").names_host());
    }

    #[test]
    fn paths_fit_part_by_part() {
        let read =
            |glob: &str, path: &str| permission(&format!("fs:read:{glob}")).covers(&Access::Read { path: path.to_owned() });
        assert!(read("docs/**", "docs/a/b.md") && read("docs/**", "docs") && read("**", "") && read("**/*.rs", "lib.rs"));
        assert!(read("src/*.rs", "src/a.rs") && read(".", "") && read("a/**/z", "a/z") && read("a/**/z", "a/b/c/z"));
        assert!(!read("docs/**", "docs2/a") && !read("src/*.rs", "src/a/b.rs") && !read("*", "a/b") && !read("docs/*", "docs"));
        assert!(!permission("fs:read:**").covers(&Access::Write { path: "a".to_owned() }));
    }

    #[test]
    fn a_program_is_permitted_with_the_words_it_begins_with() {
        let log = permission("run:git log --format=*");
        assert!(log.covers(&run("git", &["log", "--format=%h", "-n1"])));
        assert!(!log.covers(&run("git", &["log"])) && !log.covers(&run("git", &["push", "--format=x"])));
        assert!(permission("run:git").covers(&run("git", &[])) && !permission("run:git").covers(&run("/usr/bin/git", &[])));
    }

    #[test]
    fn an_mcp_server_is_permitted_whole_or_by_tools() {
        let call = |tool: &str| Access::Mcp { server: "gh".to_owned(), tool: tool.to_owned() };
        assert!(permission("mcp:gh").covers(&call("x")) && permission("mcp:gh/get_*").covers(&call("get_issue")));
        assert!(!permission("mcp:gh/get_*").covers(&call("set_issue")) && !permission("mcp:git").covers(&call("x")));
    }

    #[test]
    fn a_collection_is_permitted_to_be_searched_or_written() {
        let search = |collection: &str| Access::Recall { collection: collection.to_owned() };
        assert!(permission("memory:read:docs").covers(&search("docs")) && permission("memory:read:doc*").covers(&search("docs")));
        assert!(
            !permission("memory:read:docs").covers(&search("docs2")) && !permission("memory:write:docs").covers(&search("docs"))
        );
    }

    #[test]
    fn a_mailbox_is_permitted_to_be_sent_to_or_read() {
        let send = |mailbox: &str| Access::Send { mailbox: mailbox.to_owned() };
        assert!(permission("mailbox:send:reviews").covers(&send("reviews")));
        assert!(permission("mailbox:send:*").covers(&send("reviews")) && !permission("mailbox:read:*").covers(&send("reviews")));
        assert!(!permission("mailbox:send:review").covers(&send("reviews")));
    }

    #[test]
    fn what_leads_out_or_means_nothing_is_no_permission() {
        for bad in [
            "",
            "net",
            "net:",
            "net:a*b",
            "net:x/y",
            "net:u@h",
            "net:h:0",
            "net:h:x",
            "fs:read:",
            "fs:read:/etc",
            "fs:read:../x",
            "fs:read:a//b",
            "fs:exec:a",
            "run:",
            "run:*",
            "run:git  log",
            "mcp:",
            "mcp:*",
            "secret:",
            "memory:docs",
            "memory:read:",
            "memory:read:a/b",
            "memory:send:a",
            "mailbox:reviews",
            "mailbox:write:reviews",
            "mailbox:read:",
            "llm:x",
            "fs:read:a\u{0}b",
        ] {
            assert!(bad.parse::<Permission>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_access_reads_as_the_permission_for_it() {
        let accesses = [
            net(true, "api.github.com", 443),
            net(false, "127.0.0.1", 8080),
            net(true, "::1", 8443),
            Access::Read { path: String::new() },
            Access::Write { path: "out/a.txt".to_owned() },
            Access::Write { path: String::new() },
            run("git", &["log", "-n1"]),
            Access::Mcp { server: "gh".to_owned(), tool: "get".to_owned() },
            Access::Recall { collection: "docs".to_owned() },
            Access::Remember { collection: "notes".to_owned() },
            Access::Send { mailbox: "reviews".to_owned() },
            Access::Receive { mailbox: "reviews".to_owned() },
            Access::Secret { name: "TOKEN".to_owned() },
        ];
        for access in accesses {
            assert!(permission(&access.to_string()).covers(&access), "{access}");
            assert_eq!(permission(&access.to_string()).as_access(), Some(access));
        }
    }

    #[test]
    fn an_argument_that_is_empty_or_has_spaces_is_shown_as_one() {
        let shown = run("git", &["commit", "-m", "two words", "", "a\u{1b}[2J"]).to_string();
        assert_eq!(shown, r#"run:git commit -m "two words" "" "a\u{1b}[2J""#);
    }

    #[test]
    fn a_pattern_is_no_single_thing() {
        for pattern in ["net:*.example.com", "fs:read:docs/**", "run:git *", "mcp:gh", "mcp:gh/get_*"] {
            assert_eq!(permission(pattern).as_access(), None, "{pattern}");
        }
    }
}
