-- The book: one append-only chain of events, and tables of current state that
-- can be rebuilt from it. Only the program's projection writes the state
-- tables; auditors read the views at the end of this file.

CREATE TABLE event (
  seq      INTEGER PRIMARY KEY,
  at       TEXT    NOT NULL,
  instance TEXT    NOT NULL,
  actor    TEXT    NOT NULL,
  kind     TEXT    NOT NULL CHECK (kind <> ''),
  bank     TEXT    NOT NULL,
  exchange INTEGER NOT NULL,
  body     TEXT    NOT NULL CHECK (json_valid(body)),
  prev     TEXT    NOT NULL CHECK (length(prev) = 64),
  hash     TEXT    NOT NULL CHECK (length(hash) = 64)
) STRICT;

CREATE INDEX event_exchange ON event (exchange, seq) WHERE exchange <> 0;

-- INSERT OR REPLACE deletes without a DELETE trigger, so the guard on INSERT
-- is needed beside the two others: only the next number may come in.
CREATE TRIGGER event_insert BEFORE INSERT ON event
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM event)
  OR NEW.prev IS NOT coalesce((SELECT hash FROM event ORDER BY seq DESC LIMIT 1),
     '0000000000000000000000000000000000000000000000000000000000000000')
BEGIN
  SELECT RAISE(ABORT, 'event is append-only: seq must be the next one and prev the last hash');
END;

CREATE TRIGGER event_update BEFORE UPDATE ON event
BEGIN
  SELECT RAISE(ABORT, 'event is append-only: no row may change');
END;

CREATE TRIGGER event_delete BEFORE DELETE ON event
BEGIN
  SELECT RAISE(ABORT, 'event is append-only: no row may go');
END;

-- How far the state tables have been brought.
CREATE TABLE head (
  one  INTEGER PRIMARY KEY CHECK (one = 1),
  seq  INTEGER NOT NULL,
  hash TEXT    NOT NULL,
  at   TEXT    NOT NULL
) STRICT;

CREATE TABLE exchange (
  id            INTEGER PRIMARY KEY,
  class         TEXT    NOT NULL CHECK (class IN ('office', 'receipt')),
  bank          TEXT    NOT NULL,
  kind          TEXT    NOT NULL,
  code          TEXT    NOT NULL,
  internal_key  TEXT    NOT NULL,
  doc_num       TEXT    NOT NULL,
  doc_date      TEXT    NOT NULL,
  ip_num        TEXT    NOT NULL,
  amount        INTEGER,
  state         TEXT    NOT NULL CHECK (state IN ('Accepted', 'Held', 'Sealed', 'Sending', 'Ambiguous',
                'Delivered', 'Confirmed', 'Answered', 'Closed', 'Suspect', 'Refused', 'Rejected', 'Cancelled')),
  open          INTEGER NOT NULL CHECK (open IN (0, 1)), -- an office document that somebody still owes something for
  live          INTEGER NOT NULL CHECK (live IN (0, 1)), -- has its key and its name: neither refused nor cancelled
  reason        TEXT    NOT NULL,
  stream        TEXT    NOT NULL,
  seq           INTEGER NOT NULL,
  base_key      TEXT    NOT NULL,
  source_sha256 TEXT    NOT NULL,
  file_name     TEXT    NOT NULL,
  file_sha256   TEXT    NOT NULL,
  file_size     INTEGER NOT NULL,
  previous      TEXT    NOT NULL,
  signer        TEXT    NOT NULL,
  temp_name     TEXT    NOT NULL,
  evidence      TEXT    NOT NULL,
  answer_code   TEXT    NOT NULL,
  attempts      INTEGER NOT NULL,
  resends       INTEGER NOT NULL,
  parent        INTEGER NOT NULL,
  incoming      INTEGER NOT NULL,
  accepted_at   TEXT    NOT NULL,
  sealed_at     TEXT,
  sending_at    TEXT,
  delivered_at  TEXT,
  confirmed_at  TEXT,
  answered_at   TEXT,
  closed_at     TEXT,
  due_at        TEXT,
  warn_at       TEXT,
  rule          TEXT    NOT NULL,
  last_event    INTEGER NOT NULL
) STRICT;

-- One live document per key; refused and cancelled ones leave the key free.
CREATE UNIQUE INDEX exchange_key ON exchange (class, internal_key, (CASE live WHEN 1 THEN 0 ELSE id END));
CREATE UNIQUE INDEX exchange_seq ON exchange (bank, stream, seq) WHERE seq > 0;
CREATE UNIQUE INDEX exchange_file ON exchange (bank, file_name) WHERE file_name <> '' AND live = 1;
CREATE INDEX exchange_state ON exchange (state, bank, id);
CREATE INDEX exchange_open ON exchange (bank, accepted_at) WHERE open = 1;
CREATE INDEX exchange_due ON exchange (warn_at) WHERE open = 1 AND warn_at IS NOT NULL;
CREATE INDEX exchange_incoming ON exchange (incoming) WHERE incoming <> 0;

CREATE TABLE source (
  exchange INTEGER NOT NULL REFERENCES exchange (id),
  place    INTEGER NOT NULL,
  name     TEXT    NOT NULL,
  sha256   TEXT    NOT NULL,
  PRIMARY KEY (exchange, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE stream (
  bank   TEXT    NOT NULL,
  stream TEXT    NOT NULL,
  seq    INTEGER NOT NULL,
  sha256 TEXT    NOT NULL,
  PRIMARY KEY (bank, stream)
) STRICT, WITHOUT ROWID;

CREATE TABLE arrival (
  id             INTEGER PRIMARY KEY,
  bank           TEXT    NOT NULL,
  name           TEXT    NOT NULL,
  claimed        TEXT    NOT NULL,
  sha256         TEXT    NOT NULL,
  size           INTEGER NOT NULL,
  received_at    TEXT    NOT NULL,
  repeats        INTEGER NOT NULL,
  verdict        TEXT    NOT NULL,
  code           TEXT    NOT NULL,
  signer         TEXT    NOT NULL,
  kind           TEXT    NOT NULL,
  external_key   TEXT    NOT NULL,
  content_sha256 TEXT    NOT NULL,
  outcome        TEXT    NOT NULL,
  reason         TEXT    NOT NULL,
  exchange       INTEGER NOT NULL,
  state_id       INTEGER NOT NULL,
  settled_at     TEXT,
  handed_at      TEXT,
  cleaned_at     TEXT,
  last_event     INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX arrival_file ON arrival (bank, sha256) WHERE outcome <> 'incomplete';
CREATE UNIQUE INDEX arrival_key ON arrival (bank, kind, external_key)
  WHERE outcome = 'matched' AND external_key <> '';
CREATE UNIQUE INDEX arrival_content ON arrival (bank, content_sha256)
  WHERE outcome = 'matched' AND content_sha256 <> '';
CREATE INDEX arrival_open ON arrival (bank, id)
  WHERE outcome <> 'incomplete' AND (cleaned_at IS NULL OR outcome = '' OR (outcome = 'matched' AND handed_at IS NULL));
CREATE INDEX arrival_claimed ON arrival (bank, claimed) WHERE claimed <> '';
CREATE INDEX arrival_exchange ON arrival (exchange, id);

CREATE TABLE visit (
  id         INTEGER PRIMARY KEY,
  bank       TEXT    NOT NULL,
  slot       TEXT    NOT NULL,
  started_at TEXT    NOT NULL,
  ended_at   TEXT,
  outcome    TEXT    NOT NULL,
  sent       INTEGER NOT NULL,
  taken      INTEGER NOT NULL,
  bytes      INTEGER NOT NULL,
  error      TEXT    NOT NULL
) STRICT;

CREATE INDEX visit_bank ON visit (bank, id);

CREATE TABLE slot (
  bank     TEXT NOT NULL,
  slot     TEXT NOT NULL,
  at       TEXT NOT NULL,
  taken_at TEXT NOT NULL,
  PRIMARY KEY (bank, slot)
) STRICT, WITHOUT ROWID;

CREATE INDEX slot_at ON slot (bank, at);

CREATE TABLE act (
  seq      INTEGER PRIMARY KEY,
  at       TEXT    NOT NULL,
  actor    TEXT    NOT NULL,
  act      TEXT    NOT NULL,
  exchange INTEGER NOT NULL,
  bank     TEXT    NOT NULL,
  reason   TEXT    NOT NULL
) STRICT;

CREATE TABLE credential (
  place     INTEGER PRIMARY KEY,
  bank      TEXT    NOT NULL,
  what      TEXT    NOT NULL,
  subject   TEXT    NOT NULL,
  not_after TEXT    NOT NULL
) STRICT;

CREATE TABLE bank (
  bic   TEXT PRIMARY KEY,
  name  TEXT NOT NULL,
  state TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE day (
  bank        TEXT    NOT NULL,
  day         TEXT    NOT NULL,
  first_seq   INTEGER NOT NULL,
  last_seq    INTEGER NOT NULL,
  first_event TEXT    NOT NULL,
  last_event  TEXT    NOT NULL,
  accepted    INTEGER NOT NULL DEFAULT 0,
  held        INTEGER NOT NULL DEFAULT 0,
  sealed      INTEGER NOT NULL DEFAULT 0,
  sending     INTEGER NOT NULL DEFAULT 0,
  ambiguous   INTEGER NOT NULL DEFAULT 0,
  delivered   INTEGER NOT NULL DEFAULT 0,
  confirmed   INTEGER NOT NULL DEFAULT 0,
  answered    INTEGER NOT NULL DEFAULT 0,
  closed      INTEGER NOT NULL DEFAULT 0,
  suspect     INTEGER NOT NULL DEFAULT 0,
  refused     INTEGER NOT NULL DEFAULT 0,
  rejected    INTEGER NOT NULL DEFAULT 0,
  cancelled   INTEGER NOT NULL DEFAULT 0,
  received    INTEGER NOT NULL DEFAULT 0,
  quarantined INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (bank, day)
) STRICT, WITHOUT ROWID;

-- Views: stable names and columns for auditors. Times are UTC, RFC 3339 with
-- milliseconds; money is decimal text.

CREATE VIEW exchanges AS
SELECT id, bank, kind, code, internal_key, doc_num, doc_date, ip_num,
       CASE WHEN amount IS NULL THEN NULL ELSE printf('%d.%02d', amount / 100, amount % 100) END AS amount,
       state, nullif(seq, 0) AS seq, accepted_at, sealed_at, sending_at, delivered_at, confirmed_at, answered_at,
       closed_at, due_at, rule, attempts, resends, file_name, file_sha256, file_size, source_sha256, temp_name,
       base_key, answer_code, evidence, signer, reason, open, last_event
FROM exchange WHERE class = 'office';

CREATE VIEW receipts AS
SELECT id, bank, kind, code, internal_key, doc_num, doc_date, ip_num,
       CASE WHEN amount IS NULL THEN NULL ELSE printf('%d.%02d', amount / 100, amount % 100) END AS amount,
       state, nullif(seq, 0) AS seq, accepted_at, sealed_at, sending_at, delivered_at, confirmed_at, answered_at,
       closed_at, due_at, rule, attempts, resends, file_name, file_sha256, file_size, source_sha256, temp_name,
       base_key, answer_code, evidence, signer, reason, open, last_event,
       nullif(parent, 0) AS parent, nullif(incoming, 0) AS incoming_id
FROM exchange WHERE class = 'receipt';

CREATE VIEW incoming AS
SELECT id, bank, name, claimed, sha256, size, received_at, repeats, verdict, code, signer, kind, external_key,
       content_sha256, nullif(exchange, 0) AS exchange_id, outcome, nullif(state_id, 0) AS state_id, reason,
       settled_at, handed_at, cleaned_at, last_event
FROM arrival;

-- late_by is "[-]days hours:minutes"; with a minus the deadline is still
-- ahead, within its warning time.
CREATE VIEW overdue AS
SELECT x.*, e.warn_at,
       CAST(strftime('%s', 'now') AS INTEGER) - CAST(strftime('%s', e.due_at) AS INTEGER) AS late_seconds,
       printf('%s%dd %02d:%02d',
         CASE WHEN strftime('%s', 'now') + 0 < strftime('%s', e.due_at) + 0 THEN '-' ELSE '' END,
         abs(strftime('%s', 'now') - strftime('%s', e.due_at)) / 86400,
         abs(strftime('%s', 'now') - strftime('%s', e.due_at)) / 3600 % 24,
         abs(strftime('%s', 'now') - strftime('%s', e.due_at)) / 60 % 60) AS late_by
FROM exchange e JOIN exchanges x ON x.id = e.id
WHERE e.open = 1 AND e.warn_at IS NOT NULL AND e.warn_at <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
ORDER BY e.due_at;

CREATE VIEW visits AS
SELECT id, bank, slot, started_at, ended_at, outcome, sent, taken, bytes, error FROM visit;

-- A state's column counts the documents that entered the state on that day;
-- received and quarantined count files from the bank. The open_ columns and
-- oldest_open tell the bank's position now, not on that day.
CREATE VIEW bank_daily AS
SELECT d.bank, (SELECT name FROM bank b WHERE b.bic = d.bank) AS bank_name, d.day,
       accepted, held, sealed, sending, ambiguous, delivered, confirmed, answered, closed,
       suspect, refused, rejected, cancelled, received, quarantined,
       first_event, last_event, first_seq, last_seq,
       (SELECT count(*) FROM exchange e WHERE e.bank = d.bank AND e.open = 1) AS open_now,
       (SELECT min(accepted_at) FROM exchange e WHERE e.bank = d.bank AND e.open = 1) AS oldest_open
FROM day d;

CREATE VIEW operator_acts AS
SELECT seq, at, actor, act, nullif(exchange, 0) AS exchange, bank, reason FROM act;

CREATE VIEW keys_expiring AS
SELECT bank, what, subject, not_after,
       CAST(days AS INTEGER) - (days < CAST(days AS INTEGER)) AS days_left
FROM (SELECT bank, what, subject, not_after, julianday(not_after) - julianday('now') AS days FROM credential)
ORDER BY not_after;

CREATE VIEW banks AS SELECT bic, name, state FROM bank;
