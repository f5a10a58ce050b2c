//! Which turns of a conversation a model is given word by word, which are to be summarized before, and which are left out. No IO:
//! the same conversation with the same bounds is always divided the same way.

/// What the given part is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// The most tokens of summary and turns together.
    pub(super) most: usize,
    /// How many of the last turns stay word by word when the older ones are summarized.
    pub(super) keep: usize,
    /// Whether somebody summarizes.
    pub(super) summarizes: bool,
}

/// What becomes of a conversation: the first turns are left out or summarized, all others given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    /// How many of the oldest turns are to be summarized.
    pub(super) summarized: usize,
    /// How many of the oldest turns are left out.
    pub(super) left_out: usize,
    /// Whether the summary there is is given, or goes into the new one.
    pub(super) keeps_summary: bool,
    /// The most tokens of a new summary.
    pub(super) room: usize,
}

/// The share of the tokens that a summary may have.
const SHARE_OF_SUMMARY: usize = 3;
/// A summary of fewer tokens than these says nothing.
const LEAST_ROOM: usize = 100;

/// Divides a conversation whose summary has `summary` tokens (zero when there is none) and whose turns, the oldest first, have these.
pub(super) fn choose(summary: usize, turns: &[usize], bounds: Bounds) -> Choice {
    let Bounds { most, keep, summarizes } = bounds;
    if summary + turns.iter().sum::<usize>() <= most {
        return Choice { summarized: 0, left_out: 0, keeps_summary: summary > 0, room: 0 };
    }
    let room = most / SHARE_OF_SUMMARY;
    if summarizes && room >= LEAST_ROOM {
        // What stays leaves room for the summary of what does not.
        let last = &turns[turns.len().saturating_sub(keep)..];
        let stay = fitting(last, most - room);
        return Choice { summarized: turns.len() - stay, left_out: 0, keeps_summary: false, room };
    }
    let keeps_summary = summary > 0 && summary <= room;
    let stay = fitting(turns, most - if keeps_summary { summary } else { 0 });
    Choice { summarized: 0, left_out: turns.len() - stay, keeps_summary, room: 0 }
}

/// How many of the last turns fit into `most` tokens.
fn fitting(turns: &[usize], most: usize) -> usize {
    let mut left = most;
    let fits = |tokens: &&usize| {
        let rest = left.checked_sub(**tokens);
        left = rest.unwrap_or(left);
        rest.is_some()
    };
    turns.iter().rev().take_while(fits).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn chosen(summary: usize, turns: &[usize], most: usize, keep: usize, summarizes: bool) -> (usize, usize, bool) {
        let choice = choose(summary, turns, Bounds { most, keep, summarizes });
        (choice.summarized, choice.left_out, choice.keeps_summary)
    }

    #[test]
    fn what_fits_is_given_as_it_is() {
        assert_eq!(chosen(0, &[], 0, 4, true), (0, 0, false));
        assert_eq!(chosen(20, &[40, 40], 100, 1, true), (0, 0, true));
    }

    #[test]
    fn what_does_not_fit_is_summarized_but_for_the_last_turns() {
        assert_eq!(chosen(0, &[300, 300, 300, 300], 1_000, 2, true), (2, 0, false));
        assert_eq!(chosen(0, &[300, 300, 600, 300], 1_000, 2, true), (3, 0, false), "the last two are too long together");
        assert_eq!(chosen(300, &[100, 100, 100, 1_000], 1_000, 2, true), (4, 0, false), "the last one is too long for itself");
        assert_eq!(chosen(0, &[30, 30, 30, 30], 100, 2, true), (0, 1, false), "there is no room for a summary");
    }

    #[test]
    fn without_a_summarizer_the_oldest_are_left_out() {
        assert_eq!(chosen(0, &[30, 30, 30, 30], 100, 2, false), (0, 1, false));
        assert_eq!(chosen(30, &[30, 30, 30, 30], 100, 2, false), (0, 2, true), "an old summary stays");
        assert_eq!(chosen(90, &[30, 30, 30, 30], 100, 2, false), (0, 1, false), "unless it takes all");
    }

    proptest! {
        #[test]
        fn nothing_is_too_much_and_nothing_is_lost_silently(
            summary in 0usize..500,
            turns in prop::collection::vec(0usize..300, 0..40),
            most in 0usize..2_000,
            keep in 0usize..10,
            summarizes in any::<bool>(),
        ) {
            let choice = choose(summary, &turns, Bounds { most, keep, summarizes });
            let gone = choice.summarized + choice.left_out;
            prop_assert!(gone <= turns.len());
            prop_assert!(choice.summarized == 0 || choice.left_out == 0);
            let summarizes = summarizes && choice.room > 0;
            let other_way = if summarizes { choice.left_out } else { choice.summarized };
            prop_assert_eq!(other_way, 0);
            // What is given is the end of the conversation, and fits together with the old summary or with the room for a new one.
            let given: usize = turns[gone..].iter().sum();
            let before = if choice.keeps_summary { summary } else { choice.room };
            prop_assert!(given + before <= most, "{given} + {before} > {most}");
            // As much as possible is given.
            if summary + turns.iter().sum::<usize>() <= most {
                prop_assert_eq!(gone, 0);
            } else if summarizes {
                prop_assert!(turns.len() - gone <= keep);
                if turns.len() - gone < keep.min(turns.len()) {
                    prop_assert!(given + turns[gone - 1] > most - choice.room);
                }
            } else if gone > 0 {
                prop_assert!(given + before + turns[gone - 1] > most);
            }
        }
    }
}
