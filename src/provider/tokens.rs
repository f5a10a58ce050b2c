//! How many tokens a text is to a model: counted where its tokenizer is known, else estimated so that the count is not too small.
//!
//! OpenAI's models are counted with their own tokenizers, which are loaded when they are first needed and stay (25 and 44 MiB, in a
//! part of a second): see [`count`]. What other models read is counted with one of them, too, and then taken for more: see
//! [`estimate`].

use std::sync::LazyLock;

use tiktoken_rs::{CoreBPE, cl100k_base_singleton, o200k_base_singleton};

use crate::model::{ChatMessage, ChatRequest, ToolSpec};

/// How much text is tokenized at once, in bytes. A tokenizer looks for words with a regex that gives up on very long ones.
const PIECE: usize = 4096;
/// What an estimate takes a count for: more by two fifths, since other vocabularies are smaller.
const MARGIN: (usize, usize) = (7, 5);
/// In how many parts of a token lines are estimated: so that nothing is lost, and nothing rounded up for each.
const PARTS: usize = 60;
/// How many bytes of ASCII text are a token at most, whatever the vocabulary.
const DENSEST: usize = 4;

/// What is around a message: who says it, and where it begins and ends.
const AROUND_MESSAGE: usize = 4;
const AROUND_MESSAGE_ELSEWHERE: usize = 8;
/// What is around a call that is asked for, around a tool that is offered, and around a schema of answers.
const AROUND_CALL: usize = 8;
const AROUND_TOOL: usize = 16;
const AROUND_SCHEMA: usize = 32;
/// What a request begins and ends with.
const AROUND_REQUEST: usize = 8;
/// What models are told of how tools are called, once: the most that is known of (Anthropic's) is 530.
const ABOUT_TOOLS: usize = 64;
const ABOUT_TOOLS_ELSEWHERE: usize = 600;

/// By what a model's tokens are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tokenizer {
    /// 200,000 tokens: GPT-4o and all that came later.
    O200k,
    /// 100,000 tokens: GPT-3.5 and GPT-4.
    Cl100k,
    /// One that is not known here.
    Unknown,
}

/// The tokens of `text` for `model`, a name as providers take it.
///
/// For OpenAI's models, what their tokenizers make of it; of text without spaces, up to one more for every 4 KiB. For all others an
/// estimate, which is rather too great: see [`estimate`].
#[must_use]
pub fn count(model: &str, text: &str) -> usize {
    match Tokenizer::of(model) {
        Tokenizer::O200k => exact(&O200K, text),
        Tokenizer::Cl100k => exact(&CL100K, text),
        Tokenizer::Unknown => estimate(text),
    }
}

/// The tokens of a message for `model`, with what is around it.
#[must_use]
pub fn count_message(model: &str, message: &ChatMessage) -> usize {
    let around = if is_known(model) { AROUND_MESSAGE } else { AROUND_MESSAGE_ELSEWHERE };
    let calls = message
        .tool_requests
        .iter()
        .map(|call| AROUND_CALL + count(model, &call.id) + count(model, &call.name) + count(model, &call.arguments));
    let result_of = message.request_id.as_deref().map_or(0, |id| AROUND_CALL + count(model, id));
    around + count(model, &message.content) + calls.sum::<usize>() + result_of
}

/// The tokens that a model reads for `request`: messages, tools and the schema of the answer, with what is around them.
#[must_use]
pub fn count_request(request: &ChatRequest) -> usize {
    let model = request.model.as_str();
    let messages: usize = request.messages.iter().map(|message| count_message(model, message)).sum();
    let about_tools = if is_known(model) { ABOUT_TOOLS } else { ABOUT_TOOLS_ELSEWHERE };
    let about_tools = if request.tools.is_empty() { 0 } else { about_tools };
    let tools: usize = request.tools.iter().map(|tool| count_tool(model, tool)).sum();
    let schema = request.output.as_ref().map_or(0, |output| AROUND_SCHEMA + count(model, &output.schema.to_string()));
    AROUND_REQUEST + messages + about_tools + tools + schema
}

/// More tokens than `request` can be, whatever the model: no token has less than a byte. Costs nothing.
#[must_use]
pub fn most_of_request(request: &ChatRequest) -> usize {
    let messages: usize = request.messages.iter().map(most_of_message).sum();
    let about_tools = if request.tools.is_empty() { 0 } else { ABOUT_TOOLS_ELSEWHERE };
    let tools: usize = request.tools.iter().map(|tool| AROUND_TOOL + bytes_of_tool(tool)).sum();
    let schema = request.output.as_ref().map_or(0, |output| AROUND_SCHEMA + output.schema.to_string().len());
    AROUND_REQUEST + messages + about_tools + tools + schema
}

fn most_of_message(message: &ChatMessage) -> usize {
    let calls = message.tool_requests.iter().map(|call| AROUND_CALL + call.id.len() + call.name.len() + call.arguments.len());
    let result_of = message.request_id.as_deref().map_or(0, |id| AROUND_CALL + id.len());
    AROUND_MESSAGE_ELSEWHERE + message.content.len() + 1 + calls.sum::<usize>() + result_of
}

fn bytes_of_tool(tool: &ToolSpec) -> usize {
    tool.name.as_str().len() + tool.description.len() + tool.parameters.to_string().len()
}

fn count_tool(model: &str, tool: &ToolSpec) -> usize {
    AROUND_TOOL + count(model, &tool.name.wire()) + count(model, &tool.description) + count(model, &tool.parameters.to_string())
}

/// The tokens of `text` for a model whose tokenizer is not known.
///
/// It rests on the tokenizer of GPT-4, whose vocabulary is not large for today, and adds what others may do worse: two fifths for
/// everything, and every digit counts for itself. There are never more tokens than bytes: all of today's
/// tokenizers fall back to bytes where they have nothing better. And there are never fewer than characters that are not ASCII, divided
/// by two, and one for four others, however long the words are that this one vocabulary has.
///
/// A model whose vocabulary has never learned the script of a text may need more all the same, up to a token for each byte.
#[must_use]
pub fn estimate(text: &str) -> usize {
    // Line by line, so that what is put together line by line has no more than its parts.
    text.split_inclusive('\n').map(parts_of_line).sum::<usize>().div_ceil(PARTS)
}

/// What a line is estimated at, in parts of a token.
fn parts_of_line(line: &str) -> usize {
    let counted = exact(&CL100K, line);
    let digits = line.bytes().filter(u8::is_ascii_digit).count();
    let others = line.bytes().filter(u8::is_ascii).count() - digits;
    let foreign = line.chars().filter(|c| !c.is_ascii()).count();
    let (more, than) = MARGIN;
    // Three digits are a token at most.
    let with_margin = counted * PARTS * more / than + digits * PARTS * 2 / 3;
    let at_least = digits * PARTS + others * PARTS / DENSEST + foreign * PARTS / 2;
    with_margin.max(at_least).min(line.len() * PARTS)
}

/// Loaded when it is first needed.
static O200K: LazyLock<&'static CoreBPE> = LazyLock::new(o200k_base_singleton);
static CL100K: LazyLock<&'static CoreBPE> = LazyLock::new(cl100k_base_singleton);

fn exact(tokenizer: &CoreBPE, text: &str) -> usize {
    pieces(text).map(|piece| tokenizer.count_ordinary(piece)).sum()
}

/// `text` in pieces of at most [`PIECE`] bytes that end before a space or after a line where there is one: no word is cut.
fn pieces(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let (piece, rest) = text.split_at(end_of_piece(text));
        text = rest;
        Some(piece)
    })
}

fn end_of_piece(text: &str) -> usize {
    if text.len() <= PIECE {
        return text.len();
    }
    let most = (0..=PIECE).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(PIECE);
    let window = &text.as_bytes()[..most];
    // A space between two words goes with the second of them.
    let between =
        |at: &usize| window[*at] == b' ' && window[at - 1].is_ascii_alphanumeric() && window[at + 1].is_ascii_alphanumeric();
    (PIECE / 2..most - 1).rev().find(between).unwrap_or(most)
}

impl Tokenizer {
    /// By the model's name: without what a server or a tuner put before it.
    fn of(model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model);
        let name = name.strip_prefix("ft:").unwrap_or(name);
        let is_of = |family: &&&str| {
            let rest = name.strip_prefix(**family);
            rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
        };
        if O200K_FAMILIES.iter().any(|family| is_of(&family)) {
            Self::O200k
        } else if CL100K_FAMILIES.iter().any(|family| is_of(&family)) {
            Self::Cl100k
        } else {
            Self::Unknown
        }
    }
}

/// Beginnings of names; what follows is no letter and no digit.
const O200K_FAMILIES: &[&str] = &["gpt-5", "gpt-4.1", "gpt-4.5", "gpt-4o", "chatgpt-4o", "o1", "o3", "o4", "gpt-oss"];
const CL100K_FAMILIES: &[&str] = &["gpt-4", "gpt-3.5", "gpt-35"];

/// Whether the tokenizer of `model` is known, so that its counts are exact.
#[must_use]
pub fn is_known(model: &str) -> bool {
    Tokenizer::of(model) != Tokenizer::Unknown
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::{Strategy, prop, prop_assert, proptest};
    use serde_json::json;

    use super::*;
    use crate::model::{AgentName, CallOrigin, Effect, NodePath, Role, RunId, ToolName, ToolRequest};

    const LAB: &str = "lab-small";

    fn base64(length: u64) -> String {
        let mut rng = fastrand::Rng::with_seed(7);
        let bytes: Vec<u8> = (0..length).map(|_| rng.u8(..)).collect();
        data_encoding::BASE64.encode(&bytes)
    }

    /// What people and programs write, and what only somebody writes who wants the count to be wrong.
    fn texts() -> Vec<(&'static str, String)> {
        let code = include_str!("tokens.rs");
        let repeated = |text: &str| text.repeat(200);
        vec![
            ("prose", repeated("The quick brown fox jumps over the lazy dog, and nobody minds. ")),
            ("code", code.to_owned()),
            ("json", json!({"a": [1, 2.5, null, true], "b": {"c": "d"}}).to_string().repeat(100)),
            ("german", repeated("Der schnelle Fuchs überlegte ausführlich, ob Geschwindigkeitsbegrenzungen nötig wären. ")),
            ("chinese", repeated("敏捷的棕色狐狸跳过了懒狗,没有人介意。")),
            ("rare characters", repeated("龘靐齉爩鱻麤龗灪吁龖厵滟爨癵籱饢驫鲡鹂鸾麣纞虋讟钃骊郁")),
            ("japanese", repeated("素早い茶色の狐はのろまな犬を飛び越える。")),
            ("korean", repeated("재빠른 갈색 여우가 게으른 개를 뛰어넘는다. ")),
            ("hindi", repeated("तेज भूरी लोमड़ी आलसी कुत्ते के ऊपर कूदती है। ")),
            ("thai", repeated("สุนัขจิ้งจอกสีน้ำตาลกระโดดข้ามสุนัขขี้เกียจ ")),
            ("arabic", repeated("الثعلب البني السريع يقفز فوق الكلب الكسول. ")),
            ("emoji", repeated("👩‍👩‍👧‍👦🏳️‍🌈🤷🏽‍♂️🫠🦾")),
            ("digits", repeated("31415926535897932384626433832795028841971693993751")),
            ("base64", base64(6_000)),
            ("hex", repeated("deadbeef0123456789abcdeffedcba98")),
            ("one letter", "a".repeat(20_000)),
            ("spaces", " ".repeat(20_000)),
            ("lines", "\n".repeat(20_000)),
            ("long tokens", repeated("////////////////////////////////================================")),
            ("odd case", repeated("aBcDeFgHiJkLmNoPqRsTuVwXyZ")),
            ("no words", repeated("qzx jvk wqf zxv kqj ")),
            ("marks", repeated("a\u{301}\u{323}\u{489}\u{334}")),
            ("controls", repeated("\u{1}\u{7f}\u{200b}\u{feff}\t\r\n")),
            ("special", repeated("<|endoftext|><|im_start|>")),
        ]
    }

    #[test]
    fn families_are_known_by_name_wherever_they_are_served() {
        let of = Tokenizer::of;
        for name in
            ["gpt-5", "gpt-5-mini-2025-08-07", "gpt-5.1", "openai/gpt-4o", "gpt-4.1-nano", "o3-mini", "ft:gpt-4o-mini:us::1"]
        {
            assert_eq!(of(name), Tokenizer::O200k, "{name}");
        }
        for name in ["gpt-4", "gpt-4-turbo", "gpt-3.5-turbo", "gpt-4-32k"] {
            assert_eq!(of(name), Tokenizer::Cl100k, "{name}");
        }
        for name in ["claude-sonnet-4-5", "gpt-50", "gpt-4all", "o11y", "qwen3:8b", "o", ""] {
            assert_eq!(of(name), Tokenizer::Unknown, "{name}");
        }
    }

    #[test]
    fn known_tokenizers_are_exact() {
        assert_eq!(count("gpt-4o", "hello world"), 2);
        assert_eq!(count("gpt-4", "tiktoken is great!"), 6);
        assert_eq!(count("gpt-4", "antidisestablishmentarianism"), 6);
        assert_eq!(count("gpt-4o", "お誕生日おめでとう"), 8);
        assert_eq!(count("gpt-4o", ""), 0);
        let prose = "The quick brown fox jumps over the lazy dog. ".repeat(1_000);
        assert_eq!(count("gpt-4o", &prose), O200K.count_ordinary(&prose), "pieces end between words");
    }

    #[test]
    fn an_estimate_is_never_below_what_known_tokenizers_count() {
        for (name, text) in texts() {
            let (estimate, modern, older) = (estimate(&text), count("gpt-4o", &text), count("gpt-4", &text));
            assert!(estimate >= modern && estimate >= older, "{name}: {estimate} for {modern} and {older}");
            assert!(estimate <= text.len() + 1, "{name}");
        }
    }

    /// A vocabulary of half the size, made of English only, is no worse than what is assumed, but for what it has never learned: runs of
    /// white space, and scripts that it has nothing but bytes for.
    #[test]
    fn an_estimate_holds_for_a_small_vocabulary_too() {
        let small = tiktoken_rs::r50k_base_singleton();
        let never_learned = ["code", "spaces", "lines", "controls", "korean", "hindi", "thai"];
        for (name, text) in texts().into_iter().filter(|(name, _)| !never_learned.contains(name)) {
            let counted = exact(small, &text);
            assert!(estimate(&text) >= counted, "{name}: {} for {counted}", estimate(&text));
        }
    }

    #[test]
    fn an_estimate_of_prose_is_not_far_off() {
        let prose = "The quick brown fox jumps over the lazy dog, and nobody minds. ".repeat(100);
        let (estimate, counted) = (estimate(&prose), count("gpt-4o", &prose));
        assert!(estimate * 2 <= counted * 3, "{estimate} for {counted}");
    }

    #[test]
    fn a_long_word_takes_no_long_time() {
        let begun = Instant::now();
        assert!(count("gpt-4o", &"x".repeat(1 << 20)) > 1 << 16);
        assert!(count("gpt-4o", &" ".repeat(1 << 20)) > 1 << 10);
        assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
    }

    fn request(model: &str) -> ChatRequest {
        ChatRequest {
            origin: CallOrigin {
                run: RunId::generate(),
                node: NodePath::new("a"),
                agent: AgentName::new("b").unwrap(),
                attempt: 1,
                ordinal: 0,
            },
            model: model.to_owned(),
            messages: vec![ChatMessage::new(Role::System, "Be brief."), ChatMessage::new(Role::User, "Hello there")],
            tools: Vec::new(),
            output: None,
            temperature: None,
            max_tokens: None,
        }
    }

    #[test]
    fn everything_in_a_request_counts() {
        for model in ["gpt-4o", LAB] {
            let plain = request(model);
            let with = |change: &dyn Fn(&mut ChatRequest)| {
                let mut other = plain.clone();
                change(&mut other);
                assert!(most_of_request(&other) >= count_request(&other), "{model}");
                count_request(&other)
            };
            let tool = ToolSpec {
                name: ToolName::new("mcp:a/look").unwrap(),
                description: "Looks.".to_owned(),
                parameters: json!({"type": "object"}),
                effect: Effect::Read,
            };
            let call = ToolRequest { id: "call_1".to_owned(), name: "look".to_owned(), arguments: "{}".to_owned() };
            let schema = json!({"type": "object", "properties": {}});
            let output = crate::model::OutputSchema { name: "answer".to_owned(), schema, strict: true };
            let base = with(&|_| ());
            assert!(base >= 5 + 2 * AROUND_MESSAGE, "{base}");
            assert!(with(&|request| request.tools.push(tool.clone())) > base + AROUND_TOOL);
            assert!(with(&|request| request.output = Some(output.clone())) > base + AROUND_SCHEMA);
            assert!(with(&|request| request.messages.push(ChatMessage::requests("", vec![call.clone()]))) > base + AROUND_CALL);
            assert!(with(&|request| request.messages.push(ChatMessage::result("call_1", "seen"))) > base + AROUND_CALL);
        }
    }

    fn any_text() -> impl Strategy<Value = String> {
        let words = prop::collection::vec(
            "\\PC{0,12}|[a-z]{1,12}|[A-Za-z0-9+/]{1,60}|[ \t\n]{1,40}|[\u{4e00}-\u{9fff}]{1,8}|[0-9]{1,20}",
            0..40,
        );
        words.prop_map(|words| words.concat())
    }

    proptest! {
        #[test]
        fn no_text_is_estimated_below_its_count(text in any_text()) {
            prop_assert!(estimate(&text) >= count("gpt-4o", &text), "{text:?}");
            prop_assert!(estimate(&text) >= count("gpt-4", &text), "{text:?}");
        }

        #[test]
        fn pieces_are_the_whole_text(text in any_text(), times in 1usize..200) {
            let text = text.repeat(times);
            prop_assert!(pieces(&text).all(|piece| !piece.is_empty() && piece.len() <= PIECE));
            prop_assert!(pieces(&text).collect::<String>() == text);
        }
    }
}
