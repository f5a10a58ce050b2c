//! The table at the end of `scripts/reliability`: one line for each part, from the figures that the parts wrote.

use std::{env, fmt::Write as _, fs, path::Path};

use serde_json::Value;

use super::part::{Figures, NAMES, folder};

/// Does nothing but for `scripts/reliability`, which asks for it when all parts have ended.
#[test]
fn every_part_has_its_figures() {
    if env::var_os("AGENTFLOW_RELIABILITY_TABLE").is_none() {
        println!("skipped: `scripts/reliability` asks for the table when all parts have ended");
        return;
    }
    let folder = folder().expect("AGENTFLOW_RELIABILITY_FIGURES names the folder");
    let only = env::var_os("AGENTFLOW_RELIABILITY_PARTS").unwrap_or_default().to_string_lossy().into_owned();
    let only: Vec<u8> = only.split_whitespace().map(|number| number.parse().unwrap()).collect();
    let (table, problems) = table(&folder, &only);
    fs::write(folder.join("table.txt"), &table).unwrap();
    println!("{table}");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The table of the parts in `only` (of all, if that is empty), and what is wrong with it.
fn table(folder: &Path, only: &[u8]) -> (String, Vec<String>) {
    let mut text =
        format!("{:>4}  {:<36} {:>15} {:>10} {:>8}  {}\n", "part", "what", "tries", "violations", "seconds", "counted");
    let mut problems = Vec::new();
    for (number, name) in (1..).zip(NAMES).filter(|(number, _)| only.is_empty() || only.contains(number)) {
        match read(folder, number) {
            Ok(figures) => {
                let Figures { name, target, reached, violations, seconds, counted, .. } = figures;
                let tries = format!("{reached} of {target}");
                let counted: Vec<_> = counted.iter().map(|(name, value)| format!("{name} {}", plain(value))).collect();
                let counted = counted.join(", ");
                writeln!(text, "{number:>4}  {name:<36} {tries:>15} {violations:>10} {seconds:>8.1}  {counted}").unwrap();
                if violations > 0 || reached < target {
                    problems.push(format!("part {number} did not reach its figures"));
                }
            }
            Err(problem) => {
                writeln!(text, "{number:>4}  {name:<36} NO FIGURES").unwrap();
                problems.push(problem);
            }
        }
    }
    (text, problems)
}

fn read(folder: &Path, number: u8) -> Result<Figures, String> {
    let path = folder.join(format!("part-{number}.json"));
    let text = fs::read_to_string(&path).map_err(|_| format!("part {number} wrote no figures: it failed, or did not run"))?;
    serde_json::from_str(&text).map_err(|error| format!("`{}`: {error}", path.display()))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn a_part_without_figures_and_one_that_falls_short_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let line = |part: u8, reached: u64, violations: usize| {
        let name = NAMES[usize::from(part) - 1].to_owned();
        let counted = [("killed".to_owned(), Value::from(7))].into_iter().collect();
        let figures = Figures { part, name, target: 5, reached, violations, seconds: 1.0, seed: 1, counted };
        fs::write(folder.path().join(format!("part-{part}.json")), serde_json::to_string(&figures).unwrap()).unwrap();
    };
    line(1, 5, 0);
    line(2, 4, 0);
    line(4, 5, 1);
    let (text, problems) = table(folder.path(), &[1, 2, 3, 4]);
    assert!(text.contains("5 of 5") && text.contains("killed 7") && text.contains("NO FIGURES"), "{text}");
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert_eq!(table(folder.path(), &[1]).1, [""; 0]);
}
