CREATE TABLE streams (
    number      INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,  -- 'run/' and the run's id
    epoch       INTEGER NOT NULL,      -- grows with every take-over; only the newest may append
    host        TEXT NOT NULL,         -- who took it over last
    process     INTEGER NOT NULL,
    started     INTEGER NOT NULL,      -- when that process did, in the host's own units
    lease_until INTEGER NOT NULL       -- microseconds since 1970; until then nobody else may take it over
) STRICT;

CREATE TABLE records (
    id      INTEGER PRIMARY KEY,       -- stream << 32 | seq: one tree, a stream's records side by side, in order
    at      INTEGER NOT NULL,          -- microseconds since 1970
    kind    TEXT NOT NULL,
    version INTEGER NOT NULL,          -- of the body's format
    body    TEXT NOT NULL,             -- JSON
    hash    BLOB NOT NULL,             -- SHA-256 over the previous record's hash and all other columns
    stream  INTEGER AS (id >> 32) VIRTUAL,
    seq     INTEGER AS (id & 4294967295) VIRTUAL
) STRICT;

CREATE TABLE documents (
    key     TEXT PRIMARY KEY NOT NULL,
    version INTEGER NOT NULL,          -- grows with every write
    value   TEXT NOT NULL              -- JSON
) STRICT;

CREATE TABLE removed (                 -- what is made anew begins above, so that no old holder mistakes it for its own
    what    TEXT PRIMARY KEY NOT NULL, -- 'epoch' of a stream, 'version' of a document
    highest INTEGER NOT NULL
) STRICT;

INSERT INTO removed (what, highest) VALUES ('epoch', 0), ('version', 0);

CREATE VIEW events AS                  -- all that happened, in order
SELECT substr(streams.id, 5) AS run,
       records.seq,
       strftime('%Y-%m-%dT%H:%M:%fZ', records.at / 1e6, 'unixepoch') AS at,
       records.kind,
       records.body ->> '$.node' AS node,
       records.body,
       streams.number AS stream
FROM streams
JOIN records ON records.id BETWEEN streams.number << 32 AND (streams.number << 32) + 4294967295
WHERE streams.id LIKE 'run/%';

CREATE VIEW model_calls AS             -- one row per answer of a model
SELECT run,
       node,
       body ->> '$.attempt' AS attempt,
       body ->> '$.ordinal' AS ordinal,                              -- within the attempt, from 0
       body ->> '$.model' AS model,
       body ->> '$.response.usage.input_tokens' AS input_tokens,
       body ->> '$.response.usage.output_tokens' AS output_tokens,
       body ->> '$.cost.usd' AS usd,                                 -- NULL unless the price is known
       CASE WHEN json_type(body, '$.cost') IS NOT 'object' THEN body ->> '$.cost'
            WHEN json_type(body, '$.cost.replayed') IS NULL THEN 'priced' ELSE 'replayed' END AS pricing,
       body ->> '$.duration_ms' AS duration_ms,
       at AS finished,
       body ->> '$.response.content' AS answer,
       stream
FROM events
WHERE kind = 'model_responded';

CREATE VIEW tool_calls AS              -- one row per result of a tool
SELECT run,
       node,
       body ->> '$.attempt' AS attempt,
       body ->> '$.result.step.turn' AS turn,
       body ->> '$.result.step.index' AS place,
       body ->> '$.result.tool' AS tool,
       CASE json_type(body, '$.result.outcome.failed') WHEN 'object' THEN 'failed' ELSE 'succeeded' END AS status,
       body ->> '$.result.outcome.failed.error.message' AS error,
       body ->> '$.result.duration_ms' AS duration_ms,
       at AS finished,
       stream
FROM events
WHERE kind = 'tool_returned';

CREATE VIEW messages AS                -- one row per message in a mailbox of a run, and per message that is in none
SELECT sent.run,
       coalesce(place.value ->> '$.mailbox', sent.body ->> '$.message.to') AS mailbox,
       place.value ->> '$.number' AS number,                         -- in the mailbox, from 1; NULL for a message that is in none
       sent.body ->> '$.message.type' AS type,
       sent.node AS sender,
       sent.body ->> '$.message.from.agent' AS agent,
       sent.body -> '$.message.body' AS body,
       CASE WHEN place.value IS NULL THEN 'sent on'
            ELSE coalesce(dead.body ->> '$.reason', CASE WHEN taken.node IS NULL THEN 'waiting' ELSE 'taken' END) END AS status,
       taken.node AS taker,                                          -- who took it last
       sent.at AS sent,
       coalesce(dead.at, taken.at) AS finished,
       sent.body ->> '$.message.id' AS id,
       sent.stream
FROM events AS sent
LEFT JOIN json_each(sent.body, '$.deliveries') AS place ON 1
LEFT JOIN (
    SELECT took.stream, took.node, max(took.at) AS at, took.body ->> '$.mailbox' AS mailbox, one.value ->> '$.id' AS id
    FROM events AS took, json_each(took.body, '$.messages') AS one
    WHERE took.kind = 'messages_taken'
    GROUP BY took.stream, took.body ->> '$.mailbox', one.value ->> '$.id'
) AS taken ON taken.stream = sent.stream AND taken.mailbox = place.value ->> '$.mailbox' AND taken.id = sent.body ->> '$.message.id'
LEFT JOIN events AS dead
    ON dead.kind = 'message_dead' AND dead.stream = sent.stream AND dead.body ->> '$.mailbox' = place.value ->> '$.mailbox'
        AND dead.body ->> '$.id' = sent.body ->> '$.message.id'
WHERE sent.kind = 'message_sent';

CREATE VIEW finished_runs AS           -- the last record of each run that has ended
SELECT streams.number AS stream,
       strftime('%Y-%m-%dT%H:%M:%fZ', records.at / 1e6, 'unixepoch') AS at,
       records.body
FROM streams
JOIN records ON records.id = (
    SELECT max(id) FROM records WHERE id BETWEEN streams.number << 32 AND (streams.number << 32) + 4294967295
)
WHERE records.kind = 'run_finished';

CREATE VIEW runs AS
SELECT substr(streams.id, 5) AS run,
       created.body ->> '$.workflow' AS workflow,
       coalesce(finished.body ->> '$.status', 'running') AS status,  -- also of a run whose process died
       strftime('%Y-%m-%dT%H:%M:%fZ', created.at / 1e6, 'unixepoch') AS started,
       finished.at AS finished,
       (SELECT count(*) FROM model_calls WHERE stream = streams.number) AS calls,
       (SELECT coalesce(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)), 0) FROM model_calls WHERE stream = streams.number)
           AS tokens,
       (SELECT sum(usd) FROM model_calls WHERE stream = streams.number) AS usd, -- of the priced calls; NULL when there is none
       finished.body ->> '$.error.message' AS error
FROM streams
JOIN records AS created ON created.id = streams.number << 32
LEFT JOIN finished_runs AS finished ON finished.stream = streams.number
WHERE streams.id LIKE 'run/%';

CREATE VIEW attempts AS                -- one row per try of a node
SELECT run,
       node,
       attempt,
       agent,
       CASE
           WHEN succeeded THEN 'succeeded'
           WHEN failed THEN 'failed'
           WHEN EXISTS (SELECT 1 FROM finished_runs WHERE finished_runs.stream = tries.stream) THEN 'cancelled'
           ELSE 'running'                                            -- also when its process died
       END AS status,
       error,
       started,
       finished,
       stream
FROM (
    SELECT run,
           node,
           body ->> '$.attempt' AS attempt,
           max(body ->> '$.agent') AS agent,
           max(kind = 'node_succeeded') AS succeeded,
           max(kind IN ('attempt_failed', 'node_failed')) AS failed,
           max(body ->> '$.error.message') AS error,
           min(at) FILTER (WHERE kind = 'attempt_started') AS started,
           max(at) FILTER (WHERE kind <> 'attempt_started') AS finished,
           stream
    FROM events
    WHERE kind IN ('attempt_started', 'attempt_failed', 'node_succeeded', 'node_failed') AND body ->> '$.attempt' > 0
    GROUP BY stream, node, body ->> '$.attempt'
) AS tries;
