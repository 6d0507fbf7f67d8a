package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/tables"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Options are the limits of a catalog. Zero values stand for defaults.
type Options struct {
	Connections      int           // open at once; 8
	ConnectTimeout   time.Duration // for one attempt to connect; 5 s
	StatementTimeout time.Duration // after which the server ends a statement, or a transaction that does nothing; 30 s
	// Patience is for how long what had no effect is done again while the database
	// cannot be reached, and for how long a free connection is waited for; 30 s.
	Patience    time.Duration
	Application string // the name that the server shows; trellis
}

func (o Options) withDefaults() Options {
	if o.Connections <= 0 {
		o.Connections = 8
	}
	if o.ConnectTimeout <= 0 {
		o.ConnectTimeout = 5 * time.Second
	}
	if o.StatementTimeout <= 0 {
		o.StatementTimeout = 30 * time.Second
	}
	if o.Patience <= 0 {
		o.Patience = 30 * time.Second
	}
	if o.Application == "" {
		o.Application = "trellis"
	}
	return o
}

// Catalog is a meta.Catalog in a PostgreSQL database.
type Catalog struct {
	*tables.Catalog
	db *database
}

var _ meta.Catalog = (*Catalog)(nil)

var dialect = tables.Dialect{
	Now:       `CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)`,
	Random:    `replace(CAST(gen_random_uuid() AS TEXT), '-', '')`,
	Lock:      `FOR UPDATE`,
	Parameter: func(n int) string { return "$" + strconv.Itoa(n) },
	Numbers:   func(parameter string) string { return among("CAST(value AS BIGINT)", parameter) },
	Texts:     func(parameter string) string { return among("value", parameter) },
}

// among makes an array first: PostgreSQL then looks up each element, where it would
// rather read the whole table for a SELECT.
func among(value, parameter string) string {
	return `= ANY (ARRAY(SELECT ` + value + ` FROM json_array_elements_text(CAST(CAST(` + parameter + ` AS TEXT) AS JSON))))`
}

// Open opens the catalog in a database, which must exist, and makes the tables where
// there are none. Where is a URL (postgres://user:password@host:port/database) or a
// list of keywords (host=... dbname=...), as PostgreSQL's own programs take them; what it
// leaves out comes from their environment. A database of an older schema is brought up
// to date, one of a newer schema is refused.
func Open(ctx context.Context, where string, options Options) (*Catalog, error) {
	options = options.withDefaults()
	config, err := pgx.ParseConfig(where)
	if err != nil {
		return nil, fmt.Errorf("catalog in PostgreSQL: %w", err)
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = options.ConnectTimeout
	}
	setDefault(config.RuntimeParams, "application_name", options.Application)
	milliseconds := strconv.FormatInt(options.StatementTimeout.Milliseconds(), 10)
	setDefault(config.RuntimeParams, "statement_timeout", milliseconds)
	// A writer that is cut off in the middle of a change must not hold up the others.
	setDefault(config.RuntimeParams, "idle_in_transaction_session_timeout", milliseconds)
	db := &database{
		name:     "postgres://" + net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))) + "/" + config.Database,
		pool:     stdlib.OpenDB(*config, stdlib.OptionAfterConnect(waitForDisk)),
		patience: options.Patience,
	}
	db.pool.SetMaxOpenConns(options.Connections)
	db.pool.SetMaxIdleConns(options.Connections)
	// A server that others have taken the place of is left in the end.
	db.pool.SetConnMaxLifetime(time.Hour)
	db.pool.SetConnMaxIdleTime(5 * time.Minute)
	err = db.persist(ctx, func() (bool, error) {
		err := migrate(ctx, config.Copy())
		return isPassing(err), err
	})
	if err != nil {
		return nil, errors.Join(err, db.pool.Close())
	}
	c := &Catalog{Catalog: tables.New(db, dialect), db: db}
	if err := c.Prepare(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// setDefault sets a parameter that the caller did not.
func setDefault(parameters map[string]string, name, value string) {
	if _, ok := parameters[name]; !ok {
		parameters[name] = value
	}
}

// waitForDisk makes the server wait for its disk at every commit.
func waitForDisk(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`)
	return err
}

// Close releases the connections.
func (c *Catalog) Close() error { return c.db.pool.Close() }

// migrationLock is the number of PostgreSQL's advisory lock that is held by the one
// who changes the schema.
const migrationLock = 0x7472656c6c6973

// migrate brings the schema up to date, one program at a time. That may take as long
// as it takes.
func migrate(ctx context.Context, config *pgx.ConnConfig) (err error) {
	config.RuntimeParams["statement_timeout"], config.RuntimeParams["idle_in_transaction_session_timeout"] = "0", "0"
	pool := stdlib.OpenDB(*config)
	defer func() { err = errors.Join(err, pool.Close()) }()
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // gives it back
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, int64(migrationLock)); err != nil {
		return err
	}
	defer func() {
		_, errUnlock := conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, int64(migrationLock))
		if errUnlock != nil && err == nil {
			err = errUnlock // the lock ends with the connection
		}
	}()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, pool, files, goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	have, know, err := provider.GetVersions(ctx)
	switch {
	case err != nil:
		return err
	case have > know:
		return fmt.Errorf("its schema %d is newer than %d, the newest that this program knows: use a newer release", have, know)
	case have == know:
		return nil
	}
	_, err = provider.Up(ctx)
	return err
}

// database is the pool of connections.
type database struct {
	name     string // for people; without the password
	pool     *sql.DB
	patience time.Duration
}

// Mark returns the number of the database, and that of its cluster where the role may
// ask for it: a copy has others.
func (c *Catalog) Mark(ctx context.Context) (mark string, err error) {
	err = c.db.Read(ctx, func(q tables.Queryer) error {
		return q.QueryRowContext(ctx, `SELECT 'postgres:' || CAST(oid AS TEXT) FROM pg_database WHERE datname = current_database()`).Scan(&mark)
	})
	if err != nil {
		return "", fmt.Errorf("mark: %w", err)
	}
	var cluster string
	err = c.db.Read(ctx, func(q tables.Queryer) error {
		return q.QueryRowContext(ctx, `SELECT CASE WHEN has_function_privilege('pg_control_system()', 'EXECUTE') THEN (SELECT CAST(system_identifier AS TEXT) FROM pg_control_system()) ELSE '' END`).Scan(&cluster)
	})
	if err != nil {
		return "", fmt.Errorf("mark: %w", err)
	}
	return mark + ":" + cluster, nil
}
