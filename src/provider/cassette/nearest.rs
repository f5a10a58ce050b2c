//! What was recorded that is nearest to what is asked, and what a miss tells of it.

use super::{
    difference::{distance, unified},
    entry::{Entry, Question},
};

/// The recorded entry that has the fewest other lines; of several, one of the same node.
pub(super) fn nearest<'a, A: Question, T>(entries: &'a [Entry<A, T>], asked: &A, node: &str) -> Option<&'a Entry<A, T>> {
    let lines = asked.lines();
    let far = |entry: &&Entry<A, T>| (distance(&entry.asked.lines(), &lines), entry.node != node);
    entries.iter().min_by_key(far)
}

/// How what is asked differs from the nearest that was recorded.
pub(super) fn told<A: Question, T>(entry: &Entry<A, T>, asked: &A, node: &str) -> String {
    let (old, new) = (entry.asked.lines(), asked.lines());
    let recorded = format!("recorded: node {} (key {})", entry.node, entry.key);
    let lines = unified((&recorded, &old), (&format!("asked now: node {node}"), &new));
    format!("this was recorded instead; what has changed:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, prop, prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::provider::cassette::entry::{Answer, Asked, Said};

    /// Prompts that share some lines.
    fn prompts() -> impl Strategy<Value = Vec<Vec<String>>> {
        prop::collection::vec(prop::collection::vec("[a-c]{1,2}", 1..8), 1..12)
    }

    fn entry(number: usize, prompt: &[String]) -> Entry<Asked, Answer> {
        // A line of its own tells each prompt apart from all others by more than one line.
        let own = [format!("own {number}"), format!("own too {number}")];
        let asked = asked(&[&own[..], prompt].concat());
        Entry { key: number.to_string(), node: format!("n{number}"), asked, answers: Vec::new() }
    }

    fn asked(lines: &[String]) -> Asked {
        let user = Said { user: Some(lines.join("\n")), ..Said::default() };
        Asked { model: "p/m".into(), temperature: None, max_tokens: None, schema: None, tools: Vec::new(), messages: vec![user] }
    }

    proptest! {
        #[test]
        fn a_prompt_with_one_changed_line_is_nearest_to_itself(prompts in prompts(), which in 0_usize..12, at in 0_usize..10) {
            let entries: Vec<_> = prompts.iter().enumerate().map(|(number, prompt)| entry(number, prompt)).collect();
            let which = &entries[which % entries.len()];
            let mut lines: Vec<String> = which.asked.lines()[2..].iter().map(|line| line.trim().to_owned()).collect();
            let at = at % lines.len();
            lines[at] = "CHANGED".to_owned();
            let now = asked(&lines);
            let found = nearest(&entries, &now, &which.node).unwrap();
            prop_assert_eq!(&found.key, &which.key);
            let told = told(found, &now, "n");
            prop_assert!(told.contains("\n+  CHANGED"), "{}", told);
            // Nothing that is the same in every recorded prompt is further away than what was found.
            let far = |entry: &Entry<Asked, Answer>| distance(&entry.asked.lines(), &now.lines());
            prop_assert!(entries.iter().all(|entry| far(entry) >= far(found)));
        }
    }

    #[test]
    fn of_two_that_are_as_near_that_of_the_same_node_is_taken() {
        let lines = |word: &str| vec![word.to_owned()];
        let of =
            |node: &str, word: &str| Entry { node: node.to_owned(), ..Entry { asked: asked(&lines(word)), ..entry(0, &[]) } };
        let entries = [of("a", "one"), of("b", "two")];
        assert_eq!(nearest(&entries, &asked(&lines("three")), "b").unwrap().node, "b");
        assert!(nearest::<Asked, Answer>(&[], &asked(&lines("three")), "b").is_none());
    }
}
