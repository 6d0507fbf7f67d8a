-- Series whose samples off the grid are refused.

-- +goose Up

ALTER TABLE series ADD COLUMN on_grid BOOLEAN NOT NULL DEFAULT FALSE;

-- +goose Down

ALTER TABLE series DROP COLUMN on_grid;
