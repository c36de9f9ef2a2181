-- Where the clock was set: store.Shift. Positions from "first" on lead the moments
-- at which they were handed out by "ahead" microseconds.
CREATE TABLE clock_shift (
  first INTEGER PRIMARY KEY, -- store.EventID
  ahead INTEGER NOT NULL,
  at    INTEGER NOT NULL
);
