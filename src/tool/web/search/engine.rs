//! The search engines there are, what each needs, and where it is.

use std::str::FromStr;

use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    error::{Error, ErrorKind, Result, nearest},
    tool::web::{guard::Target, search::query::MAX_COUNT},
};

/// How many results there are unless somebody says so.
pub(in crate::tool::web) const USUAL_COUNT: usize = 5;

/// Who searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchEngine {
    /// The Tavily Search API; needs a key.
    Tavily,
    /// The Brave Search API; needs a key.
    Brave,
    /// Google's Custom Search JSON API; needs a key and the id of an engine.
    Google,
    /// A SearXNG server that gives JSON; needs its URL.
    Searxng,
    /// The pages of DuckDuckGo that are made for browsers without scripts. Not an official interface: it may change or refuse at any
    /// time.
    Duckduckgo,
}

impl SearchEngine {
    /// All engines.
    pub const ALL: &[Self] = &[Self::Tavily, Self::Brave, Self::Google, Self::Searxng, Self::Duckduckgo];

    /// The engine as written in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tavily => "tavily",
            Self::Brave => "brave",
            Self::Google => "google",
            Self::Searxng => "searxng",
            Self::Duckduckgo => "duckduckgo",
        }
    }

    /// Whether it answers only those who have a key.
    #[must_use]
    pub fn needs_key(self) -> bool {
        match self {
            Self::Tavily | Self::Brave | Self::Google => true,
            Self::Searxng | Self::Duckduckgo => false,
        }
    }

    /// Where it is, and the path there. A SearXNG server is wherever somebody runs one.
    fn place(self) -> (Option<&'static str>, &'static str) {
        match self {
            Self::Tavily => (Some("https://api.tavily.com"), "/search"),
            Self::Brave => (Some("https://api.search.brave.com"), "/res/v1/web/search"),
            Self::Google => (Some("https://www.googleapis.com"), "/customsearch/v1"),
            Self::Searxng => (None, "/search"),
            Self::Duckduckgo => (Some("https://html.duckduckgo.com"), "/html/"),
        }
    }
}

impl FromStr for SearchEngine {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let names = || Self::ALL.iter().map(|engine| engine.as_str());
        Self::ALL.iter().copied().find(|engine| engine.as_str() == text).ok_or_else(|| {
            let error = Error::new(ErrorKind::Invalid, format!("there is no search engine `{}`", text.escape_default()));
            match nearest(text, names()) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => {
                    error.hint(format!("there are {}", names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")))
                }
            }
        })
    }
}

/// How to search.
#[derive(Debug, Clone)]
pub struct SearchSettings {
    /// Who searches.
    pub engine: SearchEngine,
    /// Where the engine is, if not where it usually is; needed for SearXNG.
    pub base_url: Option<String>,
    /// The key.
    pub key: Option<SecretString>,
    /// The id of a programmable search engine (`cx`); Google only.
    pub engine_id: Option<String>,
    /// How many results there are unless the call says so, 1 to 20.
    pub count: usize,
}

impl SearchSettings {
    /// The usual settings of an engine.
    #[must_use]
    pub fn new(engine: SearchEngine) -> Self {
        Self { engine, base_url: None, key: None, engine_id: None, count: USUAL_COUNT }
    }

    /// Where it is asked.
    ///
    /// # Errors
    /// `Invalid` when something is not there that the engine needs.
    pub(super) fn endpoint(&self) -> Result<Target> {
        let engine = self.engine;
        let name = engine.as_str();
        let lacks =
            |what: &str, hint: &str| Error::new(ErrorKind::Invalid, format!("search engine `{name}` needs {what}")).hint(hint);
        if engine.needs_key() && self.key.as_ref().is_none_or(|key| key.expose_secret().trim().is_empty()) {
            return Err(lacks("a key", "write `api_key = { env = \"NAME\" }` under `[tools.web_search]`"));
        }
        if engine == SearchEngine::Google && self.engine_id.as_deref().unwrap_or_default().is_empty() {
            return Err(lacks("the id of a programmable search engine", "write `engine = \"…\"` under `[tools.web_search]`"));
        }
        if !(1..=MAX_COUNT).contains(&self.count) {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("`count` of `web_search` is {}, not 1 to {MAX_COUNT}", self.count),
            ));
        }
        let (usual, path) = engine.place();
        let base = self.base_url.as_deref().or(usual);
        let base = base.ok_or_else(|| {
            lacks("the URL of a server", "write `base_url = \"http://127.0.0.1:8888\"` under `[tools.web_search]`")
        })?;
        let base = base.trim_end_matches('/');
        let base = base.strip_suffix(path.trim_end_matches('/')).unwrap_or(base);
        Target::parse(&format!("{base}{path}")).map_err(|err| err.context("`base_url` of `web_search`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_are_known_by_name() {
        for engine in SearchEngine::ALL {
            assert_eq!(engine.as_str().parse::<SearchEngine>().unwrap(), *engine);
        }
        let error = "searchng".parse::<SearchEngine>().unwrap_err();
        assert_eq!(error.hints(), ["did you mean `searxng`?"]);
    }

    #[test]
    fn what_an_engine_needs_is_asked_for_at_once() {
        let make = |settings: SearchSettings| settings.endpoint().map_err(|error| error.to_string());
        for engine in [SearchEngine::Tavily, SearchEngine::Brave, SearchEngine::Google] {
            let error = make(SearchSettings::new(engine)).unwrap_err();
            assert_eq!(error, format!("search engine `{}` needs a key", engine.as_str()));
        }
        let google = SearchSettings { key: Some("k".into()), ..SearchSettings::new(SearchEngine::Google) };
        assert!(make(google.clone()).unwrap_err().contains("needs the id"));
        assert!(make(SearchSettings { engine_id: Some("cx".to_owned()), ..google }).is_ok());
        assert!(make(SearchSettings::new(SearchEngine::Searxng)).unwrap_err().contains("needs the URL"));
        assert!(make(SearchSettings::new(SearchEngine::Duckduckgo)).is_ok());
        assert!(make(SearchSettings { count: 21, ..SearchSettings::new(SearchEngine::Duckduckgo) }).is_err());
    }

    #[test]
    fn the_path_is_appended_once() {
        for base in ["http://a.example/x", "http://a.example/x/", "http://a.example/x/search"] {
            let settings = SearchSettings { base_url: Some(base.to_owned()), ..SearchSettings::new(SearchEngine::Searxng) };
            assert_eq!(settings.endpoint().unwrap().url().as_str(), "http://a.example/x/search");
        }
    }
}
