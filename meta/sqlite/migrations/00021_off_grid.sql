-- Series whose samples off the grid are refused.

-- +goose Up

ALTER TABLE series ADD COLUMN on_grid INTEGER NOT NULL DEFAULT 0;

-- +goose Down

ALTER TABLE series DROP COLUMN on_grid;
