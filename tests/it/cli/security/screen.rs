//! What models and tools say, on a terminal and in a log.

use super::super::project::Project;

#[test]
fn cve_2023_37275_rustsec_2025_0055_no_escape_sequence_reaches_the_screen_or_the_log() {
    let hostile = "a\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m\u{202e}b";
    let workflow = serde_json::json!({
        "permissions": ["fs:read:**"],
        "agents": { "w": { "model": "mock/m", "tools": ["read_file"] } },
        "nodes": {
            "said": { "agent": "w", "prompt": "x" },
            "read": { "tool": "read_file", "args": { "path": "a.txt" } },
            "failed": { "tool": "calculator", "args": { "expression": hostile }, "on_error": "continue" }
        },
        "outputs": { "read": "{{ read }}", "said": "{{ said }}" }
    });
    let manifest = format!(
        "[providers.mock]\nanswers = {{ w = [{{ tools = [{{ name = \"read_file\", arguments = {{ path = {0} }} }}] }}, {0}] }}\n",
        serde_json::to_string(hostile).unwrap().replace('\u{202e}', "\\u202e").replace('\u{9b}', "\\u009b")
    );
    let project = Project::new().with("agents.toml", manifest).with("w.json", workflow.to_string()).with("a.txt", hostile);
    let ran = project.run(&["-vvv", "run", "w.json", "--allow", "fs:read:**"]);
    ran.exit(0);
    // What goes into a pipe is data, and stays as it is.
    let mut told = vec![ran.stderr];
    for args in ["runs events last", "audit list", "why last said", "runs list"] {
        let ran = project.run(&args.split(' ').collect::<Vec<_>>());
        ran.exit(0);
        told.extend([ran.stdout, ran.stderr]);
    }
    for text in told {
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}']), "{text:?}");
    }
}
