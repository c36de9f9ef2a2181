-- Who has signed in to the console, and the links that let somebody in once. The
-- keys are hashes of secrets that browsers hold.
CREATE TABLE session (
  n           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key         bytea  NOT NULL UNIQUE,
  "user"      text   NOT NULL,
  proof       text   NOT NULL,
  certificate text   NOT NULL,
  roles       text   NOT NULL,
  begun       bigint NOT NULL,
  seen        bigint NOT NULL,
  ends        bigint NOT NULL
);
CREATE TABLE sign_in_link (
  key    bytea  PRIMARY KEY,
  "user" text   NOT NULL,
  roles  text   NOT NULL,
  ends   bigint NOT NULL
);
