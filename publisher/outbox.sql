-- Messages in the order in which their transactions were committed. Times are
-- milliseconds since 1970.
CREATE TABLE IF NOT EXISTS nems_outbox (
    seq          $SERIAL,
    id           TEXT NOT NULL UNIQUE, -- MessageHeader.id, which is the idempotency key too
    patient      TEXT NOT NULL,        -- NHS number; of a birth without the mother's number, the id
    event        TEXT NOT NULL,        -- MessageHeader.event.code
    kind         TEXT NOT NULL,        -- new, update, delete
    last_updated TEXT NOT NULL,
    version_id   TEXT NOT NULL,
    payload      $BLOB NOT NULL,       -- the message, byte for byte
    state        TEXT NOT NULL,        -- waiting, sent, refused, discarded, held
    reason       TEXT NOT NULL,        -- why it is refused or held, without patients' data
    added        $INT NOT NULL,
    due          $INT NOT NULL,        -- not before; while a sender has it, when its claim ends
    claim        TEXT NOT NULL,        -- of the sender that has it
    attempts     $INT NOT NULL,
    settled      $INT NOT NULL         -- when its state became final, 0 before
);
-- What stands before a message of the same patient.
CREATE INDEX IF NOT EXISTS nems_outbox_order ON nems_outbox (patient, seq) WHERE state IN ('waiting', 'refused');
CREATE INDEX IF NOT EXISTS nems_outbox_due ON nems_outbox (due) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS nems_outbox_settled ON nems_outbox (settled) WHERE settled > 0;

-- Every time that a message left, or was about to: written before the first byte.
CREATE TABLE IF NOT EXISTS nems_outbox_attempt (
    number   $SERIAL,
    id       TEXT NOT NULL,
    began    $INT NOT NULL,
    url      TEXT NOT NULL,
    headers  TEXT NOT NULL, -- JSON, without the token
    claims   TEXT NOT NULL, -- of the token, JSON
    status   $INT NOT NULL, -- HTTP; 0 means no answer
    outcome  TEXT NOT NULL,
    answered $INT NOT NULL
);
CREATE INDEX IF NOT EXISTS nems_outbox_attempts ON nems_outbox_attempt (id, number);
