-- +goose Up

-- How far the readers of a subscription have taken its events.
CREATE TABLE cursor (
  subscription bytea  PRIMARY KEY,
  epoch        bigint NOT NULL,
  number       bigint NOT NULL,
  at           bigint NOT NULL
);
