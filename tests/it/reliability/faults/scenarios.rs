//! What goes wrong with the first model of a chain: each scenario with the failures it must come to. Numbers are drawn anew with each
//! seed.

use fastrand::Rng;
use serde_json::{Value, json};

/// A way to fail.
pub(super) struct Scenario {
    pub(super) name: String,
    pub(super) fault: Box<dyn Fn(&mut Rng) -> Fault>,
}

/// What the first model does, and what is to come of it.
pub(super) struct Fault {
    pub(super) protocol: Protocol,
    pub(super) place: Place,
    /// One after the other; the last one again and again, unless the model recovers.
    pub(super) calls: Vec<Call>,
    /// After these calls, the model answers.
    pub(super) recovers: bool,
    /// The client's time limits are so short that silence is soon noticed.
    pub(super) is_hasty: bool,
    /// Each attempt asks so often.
    pub(super) calls_per_attempt: usize,
    /// The `output` of the node, if it is no text.
    pub(super) output: Option<&'static str>,
}

/// One failing call.
#[derive(Clone)]
pub(super) struct Call {
    /// What the server does.
    pub(super) reply: Value,
    /// The kind of the failure in the log.
    pub(super) kind: &'static str,
    /// The wait that the server asks for, in milliseconds, at least and at most.
    pub(super) asks_ms: Option<(f64, f64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    OpenAi,
    Anthropic,
}

/// Where the first model is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// On the server.
    Here,
    /// On a port where nobody listens.
    Nowhere,
    /// On the server, by TLS, which it does not speak.
    Secure,
}

impl Fault {
    fn always(kind: &'static str, reply: Value) -> Self {
        Self {
            protocol: Protocol::OpenAi,
            place: Place::Here,
            calls: vec![Call { reply, kind, asks_ms: None }],
            recovers: false,
            is_hasty: false,
            calls_per_attempt: 1,
            output: None,
        }
    }

    /// A stream that is cut.
    pub(super) fn cut(protocol: Protocol) -> Self {
        Self { protocol, ..Self::always("truncated", json!({"cut": {"after_bytes": 0}})) }
    }

    /// An answer in the end, after calls that fail.
    fn recovering(calls: Vec<(&'static str, Value)>) -> Self {
        let calls = calls.into_iter().map(|(kind, reply)| Call { reply, kind, asks_ms: None }).collect();
        Self { calls, recovers: true, ..Self::always("", Value::Null) }
    }

    /// An answer, in spite of what the server does to it.
    fn tolerated(reply: Value) -> Self {
        Self { calls: vec![Call { reply, kind: "", asks_ms: None }], recovers: true, ..Self::always("", Value::Null) }
    }

    fn anthropic(self) -> Self {
        Self { protocol: Protocol::Anthropic, ..self }
    }

    fn hasty(self) -> Self {
        Self { is_hasty: true, ..self }
    }

    fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    fn asks(mut self, least_ms: f64, most_ms: f64) -> Self {
        self.calls[0].asks_ms = Some((least_ms, most_ms));
        self
    }

    fn structured(self, calls_per_attempt: usize) -> Self {
        Self { output: Some("{ n: integer }"), calls_per_attempt, ..self }
    }
}

fn scenario(name: impl Into<String>, fault: impl Fn(&mut Rng) -> Fault + 'static) -> Scenario {
    Scenario { name: name.into(), fault: Box::new(fault) }
}

fn always(name: &str, kind: &'static str, reply: Value) -> Scenario {
    scenario(name, move |_| Fault::always(kind, reply.clone()))
}

fn status(status: u16) -> Value {
    json!({"status": {"status": status}})
}

/// A status with an error that has a code, a type and a message.
fn error(status: u16, code: &str, message: &str) -> Value {
    json!({"status": {"status": status, "body": {"error": {"code": code, "type": code, "message": message}}}})
}

fn with_header(status: u16, name: &str, value: &str) -> Value {
    json!({"status": {"status": status, "headers": {name: value}}})
}

/// All of them.
pub(super) fn all() -> Vec<Scenario> {
    [statuses(), waits(), connections(), streams(), nonsense(), recoveries()].into_iter().flatten().collect()
}

/// Answers with a status.
fn statuses() -> Vec<Scenario> {
    let transient = [408, 500, 501, 502, 503, 504, 520, 521, 522, 523, 524].map(|status| (status, "transient"));
    let others = [
        (409, "not_ready"),
        (425, "not_ready"),
        (429, "throttle"),
        (529, "overloaded"),
        (402, "quota"),
        (404, "unknown_model"),
        (401, "auth"),
        (403, "auth"),
        (301, "request"),
        (400, "request"),
        (405, "request"),
        (413, "request"),
        (415, "request"),
        (422, "request"),
    ];
    let plain = transient.into_iter().chain(others).map(|(code, kind)| always(&format!("status {code}"), kind, status(code)));
    let overloaded = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let page = json!({"status": {"status": 502, "headers": {"content-type": "text/html"}, "body": "<html>Bad Gateway</html>"}});
    let named = vec![
        always("503 that is overloaded", "overloaded", error(503, "overloaded_error", "busy")),
        always("503 that asks to slow down", "throttle", error(503, "slow_down", "slow down")),
        scenario("529 of Anthropic", move |_| {
            Fault::always("overloaded", json!({"status": {"status": 529, "body": overloaded}})).anthropic()
        }),
        always("429 with a spent quota", "quota", error(429, "insufficient_quota", "You exceeded your quota")),
        scenario("400 with an empty account", |_| {
            Fault::always("quota", error(400, "invalid_request_error", "Your credit balance is too low")).anthropic()
        }),
        always("400 with an unknown model", "unknown_model", error(400, "model_not_found", "no such model")),
        always("400 with a long prompt", "context_length", error(400, "context_length_exceeded", "too long")),
        always("413 with a long prompt", "context_length", error(413, "request_too_large", "too long")),
        always("400 of a filter", "refused", error(400, "content_filter", "filtered")),
        always("502 with a page", "transient", page),
        always("500 with a body of 1 GB", "transient", json!({"huge": {"bytes": 1_000_000_000, "form": "json", "status": 500}})),
    ];
    plain.chain(named).collect()
}

/// Servers that say when to come back, or try to.
fn waits() -> Vec<Scenario> {
    let seconds = |status, kind| {
        move |rng: &mut Rng| {
            let seconds = rng.u32(1..=120);
            let asked = f64::from(seconds) * 1_000.0;
            Fault::always(kind, with_header(status, "retry-after", &seconds.to_string())).asks(asked, asked)
        }
    };
    let in_date = |longest: i64| {
        move |rng: &mut Rng| {
            let seconds = rng.i64(3..=longest);
            // A date has whole seconds, and some time passes until it is read.
            #[expect(clippy::cast_precision_loss, reason = "a few seconds")]
            let most = seconds as f64 * 1_000.0;
            Fault::always("throttle", json!({"status": {"status": 429, "retry_in_date": seconds}})).asks(most - 3_000.0, most)
        }
    };
    let nothing = |name: &str, header: &'static str, value: &'static str| {
        always(&format!("429 with {name}"), "throttle", with_header(429, header, value))
    };
    vec![
        scenario("429 with seconds", seconds(429, "throttle")),
        scenario("503 with seconds", seconds(503, "transient")),
        scenario("529 with seconds", seconds(529, "overloaded")),
        scenario("409 with seconds", seconds(409, "not_ready")),
        scenario("429 with a fraction of seconds", |rng| {
            let hundredths = rng.u32(1..12_000);
            let (asked, header) = (f64::from(hundredths) * 10.0, format!("{}", f64::from(hundredths) / 100.0));
            Fault::always("throttle", with_header(429, "Retry-After", &header)).asks(asked - 1.0, asked)
        }),
        scenario("429 with milliseconds, which go before seconds", |rng| {
            let ms = rng.u32(1..=120_000);
            let headers = json!({"retry-after-ms": ms.to_string(), "retry-after": "5"});
            let reply = json!({"status": {"status": 429, "headers": headers}});
            Fault::always("throttle", reply).asks(f64::from(ms), f64::from(ms))
        }),
        scenario("429 with a date", in_date(120)),
        scenario("429 with a date too far away", |rng| {
            let seconds = rng.u32(125..1_000_000);
            let asked = f64::from(seconds) * 1_000.0;
            let reply = json!({"status": {"status": 429, "retry_in_date": seconds}});
            Fault::always("throttle", reply).asks(asked - 3_000.0, asked)
        }),
        scenario("429 with a delay in the body", |rng| {
            let seconds = rng.u32(1..=120);
            let body = json!([{"error": {
                "code": 429, "status": "RESOURCE_EXHAUSTED", "message": "slow", "details": [{"retryDelay": format!("{seconds}s")}],
            }}]);
            let asked = f64::from(seconds) * 1_000.0;
            Fault::always("throttle", json!({"status": {"status": 429, "body": body}})).asks(asked, asked)
        }),
        scenario("429 with too long a wait", |rng| {
            let seconds = rng.u32(121..1_000_000);
            let asked = f64::from(seconds) * 1_000.0;
            Fault::always("throttle", with_header(429, "retry-after", &seconds.to_string())).asks(asked, asked)
        }),
        scenario("503 with too long a wait", |rng| {
            let ms = rng.u32(120_001..1_000_000);
            let asked = f64::from(ms);
            Fault::always("transient", with_header(503, "retry-after-ms", &ms.to_string())).asks(asked, asked)
        }),
        nothing("no wait at all", "retry-after", "0"),
        nothing("a negative wait", "retry-after", "-30"),
        nothing("a wait without end", "retry-after", "inf"),
        nothing("a wait beyond all numbers", "retry-after", "1e400"),
        nothing("a wait that is no number", "retry-after", "NaN"),
        nothing("a wait in words", "retry-after", "soon"),
        nothing("an empty wait", "retry-after", ""),
        nothing("negative milliseconds", "retry-after-ms", "-1"),
        nothing("a date that has passed", "retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ]
}

/// Connections that do not come about, break or say nothing.
fn connections() -> Vec<Scenario> {
    vec![
        scenario("nobody listens", |_| Fault::always("transient", json!("ok")).at(Place::Nowhere)),
        scenario("TLS where none is spoken", |_| Fault::always("transient", json!("ok")).at(Place::Secure)),
        always("a reset before the first byte", "transient", json!("reset")),
        always("an end before the first byte", "transient", json!("close")),
        scenario("silence", |_| Fault::always("transient", json!("hang")).hasty()),
        scenario("a head byte by byte", |_| Fault::always("transient", json!({"slowloris": {"interval_ms": 20}})).hasty()),
        scenario("silence in the middle of the text", |rng| {
            Fault::always("timeout", json!({"stall": {"after_bytes": rng.usize(1..400)}})).hasty()
        }),
    ]
}

/// Streams that end early, or with an error.
fn streams() -> Vec<Scenario> {
    let cut = |name: &str, framing: &'static str| {
        scenario(format!("a cut of a stream {name}"), move |rng: &mut Rng| {
            Fault::always("truncated", json!({"cut": {"after_bytes": rng.usize(0..400), "framing": framing}}))
        })
    };
    let event = |name: &str, kind: &'static str, error: Value| {
        scenario(format!("an error in the stream: {name}"), move |rng: &mut Rng| {
            Fault::always(kind, json!({"error_event": {"after_events": rng.usize(0..4), "error": error}}))
        })
    };
    vec![
        cut("that ends with the connection", "close"),
        cut("with its length told", "length"),
        cut("in chunks", "chunked"),
        scenario("a cut of a stream of Anthropic", |rng| {
            Fault::always("truncated", json!({"cut": {"after_bytes": rng.usize(0..500)}})).anthropic()
        }),
        always("a stream without its end", "truncated", json!("no_finish")),
        scenario("a stream of Anthropic without its end", |_| Fault::always("truncated", json!("no_finish")).anthropic()),
        event("of the server", "transient", json!({"type": "server_error", "message": "oops"})),
        event("a rate limit", "throttle", json!({"code": "rate_limit_exceeded", "message": "slow"})),
        event("a spent quota", "quota", json!({"code": "insufficient_quota", "message": "empty"})),
        event("a bad request", "request", json!({"type": "invalid_request_error", "message": "no"})),
        event("a long prompt", "context_length", json!({"code": "context_length_exceeded", "message": "long"})),
        event("a number", "overloaded", json!({"code": 529, "message": "busy"})),
        event("an unknown name", "transient", json!({"type": "something_new", "message": "?"})),
        scenario("an error in the stream: overloaded, of Anthropic", |rng| {
            let error = json!({"type": "overloaded_error", "message": "Overloaded"});
            Fault::always("overloaded", json!({"error_event": {"after_events": rng.usize(1..4), "error": error}})).anthropic()
        }),
        always("an answer that a filter withholds", "refused", json!({"ok": {"finish_reason": "content_filter"}})),
    ]
}

/// Answers that are none.
fn nonsense() -> Vec<Scenario> {
    let document = |body: &str| json!({"status": {"status": 200, "headers": {"content-type": "application/json"}, "body": body}});
    let huge = |form: &'static str| {
        always(&format!("1 GB of {form}"), "malformed", json!({"huge": {"bytes": 1_000_000_000, "form": form}}))
    };
    vec![
        always("a page instead of an answer", "malformed", json!("wrong_type")),
        always("an event that is no JSON", "malformed", json!("malformed_json")),
        always("a document that is no JSON", "malformed", document("{\"choices\": [")),
        always("a document of something else", "malformed", document("{\"data\": []}")),
        always("what is not HTTP", "malformed", json!({"raw": {"bytes": "SSH-2.0-OpenSSH_9.2\r\n\r\n"}})),
        always("headers without end", "malformed", json!("endless_headers")),
        huge("line"),
        huge("events"),
        huge("comments"),
        huge("json"),
        always("a bomb of 1 GB", "malformed", json!({"zip_bomb": {"bytes": 1_000_000_000}})),
        always("the end before the beginning", "malformed", json!({"reordered_events": {"order": [5, 0, 1, 2, 3, 4]}})),
        scenario("every event twice, of Anthropic", |_| Fault::always("malformed", json!("duplicate_events")).anthropic()),
        scenario("text where a document is wanted", |_| Fault::always("schema", json!("ok")).structured(3)),
    ]
}

/// Models that answer in the end, or after all.
fn recoveries() -> Vec<Scenario> {
    let reset = || json!("reset");
    let cut = |rng: &mut Rng| json!({"cut": {"after_bytes": rng.usize(0..400)}});
    vec![
        scenario("one reset", move |_| Fault::recovering(vec![("transient", reset())])),
        scenario("a cut, and the whole answer", move |rng| Fault::recovering(vec![("truncated", cut(rng))])),
        scenario("three cuts", move |rng| Fault::recovering((0..3).map(|_| ("truncated", cut(rng))).collect())),
        scenario("throttled twice", |_| Fault::recovering(vec![("throttle", status(429)), ("throttle", status(429))])),
        scenario("one page", |_| Fault::recovering(vec![("malformed", json!("wrong_type"))])),
        scenario("down, throttled, and there", |_| {
            Fault::recovering(vec![("transient", status(503)), ("throttle", status(429))])
        }),
        scenario("down, and then a bad request", |_| Fault {
            recovers: false,
            ..Fault::recovering(vec![("transient", status(500)), ("request", status(400))])
        }),
        scenario("an answer byte by byte", |_| Fault::tolerated(json!({"slowloris": {"interval_ms": 0}}))),
        scenario("the finish before the last text", |_| Fault::tolerated(json!("reordered_events"))),
        scenario("the finish, the usage and the end twice", |_| {
            Fault::tolerated(json!({"reordered_events": {"order": [0, 0, 1, 2, 3, 3, 4, 4, 5, 5]}}))
        }),
        scenario("a stream without `[DONE]`", |_| Fault::tolerated(json!({"reordered_events": {"order": [0, 1, 2, 3, 4]}}))),
        scenario("a stream that ends after the finish", |_| {
            Fault::tolerated(json!({"reordered_events": {"order": [0, 1, 2, 3]}}))
        }),
    ]
}
