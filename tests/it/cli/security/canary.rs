//! Keys with values that are seen anywhere, and everything that is written searched for them.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use data_encoding::{BASE64, HEXLOWER};

use super::super::project::{Project, Ran};

const KEYS: [(&str, &str); 3] = [
    ("PROVIDER_KEY", "c4n4ry-of-the-provider-01"),
    ("SEARCH_KEY", "c4n4ry-of-the-search-02"),
    ("DEPLOY_KEY", "c4n4ry-of-the-policy-03"),
];

/// A server that refuses everything and says what it was sent: as it came, and encoded.
struct Gossip {
    port: u16,
    heard: Arc<Mutex<String>>,
}

impl Gossip {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&heard);
        // It ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, &kept);
            }
        });
        Self { port, heard }
    }

    fn heard(&self) -> String {
        self.heard.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, heard: &Mutex<String>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut asked, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        asked.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    asked.push_str(&String::from_utf8(body).unwrap());
    heard.lock().unwrap().push_str(&asked);
    let encoded: Vec<_> =
        KEYS.iter().flat_map(|(_, value)| [BASE64.encode(value.as_bytes()), HEXLOWER.encode(value.as_bytes())]).collect();
    let told =
        serde_json::json!({ "error": { "message": format!("refused: {asked} {encoded:?}") }, "detail": asked }).to_string();
    let status = format!("HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", told.len());
    stream.write_all(format!("{status}connection: close\r\n\r\n{told}").as_bytes()).unwrap();
}

fn workflow(port: u16, on_error: &str) -> String {
    format!(
        "\
permissions: ['net:http://127.0.0.1:{port}', 'secret:DEPLOY', 'run:printenv DEPLOY_KEY']
agents: {{ writer: {{ model: lab/m }} }}
nodes:
  asked: {{ agent: writer, prompt: x, on_error: continue }}
  searched: {{ tool: web_search, args: {{ query: x }}, on_error: continue }}
  printed: {{ tool: command, args: {{ program: printenv, arguments: [DEPLOY_KEY] }} }}
  posted:
    needs: [asked, searched, printed]
    tool: http_post
    args:
      url: 'http://127.0.0.1:{port}/x?key={{{{ secrets.DEPLOY }}}}'
      headers: {{ X-Key: '{{{{ secrets.DEPLOY }}}}' }}
      json: {{ key: '{{{{ secrets.DEPLOY }}}}' }}
    {on_error}
outputs:
  printed: '{{{{ printed.stdout }}}}'
  why: '{{{{ nodes.posted.error }}}} {{{{ nodes.asked.error }}}} {{{{ nodes.searched.error }}}}'
"
    )
}

fn project(port: u16) -> Project {
    let manifest = format!(
        "\
[providers.lab]
kind = \"openai\"
base_url = \"http://127.0.0.1:{port}/v1\"
api_key = {{ env = \"PROVIDER_KEY\" }}
[tools.web_search]
provider = \"tavily\"
base_url = \"http://127.0.0.1:{port}\"
api_key = {{ env = \"SEARCH_KEY\" }}
[tools.command]
env = [\"DEPLOY_KEY\"]
"
    );
    let policy = format!(
        "allow = ['net:http://127.0.0.1:{port}', 'secret:DEPLOY', 'run:printenv DEPLOY_KEY']\n[secrets]\nDEPLOY = {{ env = 'DEPLOY_KEY' }}\n"
    );
    let project = Project::new().with("agents.toml", manifest).with_policy(&policy);
    project.with("goes-on.yaml", workflow(port, "on_error: continue")).with("fails.yaml", workflow(port, ""))
}

fn run(project: &Project, args: &[&str]) -> Ran {
    let mut command = project.command(args);
    command.envs(KEYS);
    project.ran(command)
}

#[track_caller]
fn nothing_in(what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for (name, value) in KEYS {
        for form in [value.to_owned(), BASE64.encode(value.as_bytes()), HEXLOWER.encode(value.as_bytes())] {
            assert!(!text.contains(&form), "{what} has `{name}` as {form}:\n{text}");
        }
    }
    assert!(!text.contains("c4n4ry"), "{what} has part of a key");
}

#[test]
fn keys_and_secrets_are_nowhere_but_where_they_were_sent() {
    let gossip = Gossip::start();
    let project = project(gossip.port);
    for (file, code) in [("goes-on.yaml", 0), ("fails.yaml", 1)] {
        let ran = run(&project, &["-vvv", "run", file]);
        ran.exit(code);
        nothing_in("standard output", ran.stdout.as_bytes());
        nothing_in("standard error", ran.stderr.as_bytes());
        assert!(ran.stderr.contains("[secret "), "nothing was put in place of a secret:\n{ran}");
        for looked in [
            &["runs", "show", "last"][..],
            &["runs", "show", "last", "--format", "json"],
            &["runs", "events", "last", "--format", "json"],
            &["audit", "list", "--format", "json"],
            &["audit", "export"],
            &["audit", "export", "--format", "csv"],
            &["why", "last", "asked"],
            &["policy", "show"],
            &["doctor"],
        ] {
            let ran = run(&project, looked);
            nothing_in(&looked.join(" "), ran.stdout.as_bytes());
            nothing_in(&looked.join(" "), ran.stderr.as_bytes());
        }
    }
    // They were used: the server has heard each of them.
    let heard = gossip.heard();
    for (name, value) in KEYS {
        assert!(heard.contains(value), "`{name}` was never sent");
    }
    for file in fs::read_dir(project.path(".agentflow")).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            nothing_in(&path.display().to_string(), &fs::read(&path).unwrap());
        }
    }
}
