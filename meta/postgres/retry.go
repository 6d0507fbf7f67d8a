package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/tables"
)

// Errors that tell what became of a change, and what can be done about it.
var (
	// ErrUncertain says that the connection was lost before the server's answer to
	// COMMIT came: the change may have happened. Look whether it has.
	ErrUncertain = errors.New("the change may have happened: the connection was lost before the database's answer")
	// ErrReadOnly says that the server takes no changes. Nothing was changed.
	ErrReadOnly = errors.New("the database is read-only for now: it is a standby, or default_transaction_read_only is on; try again when it takes changes")
)

// SQLSTATEs, from PostgreSQL's appendix A.
const (
	readOnlyTransaction  = "25006"
	idleInTransaction    = "25P03"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	tooManyConnections   = "53300"
	adminShutdown        = "57P01"
	crashShutdown        = "57P02"
	cannotConnectNow     = "57P03"
	badCharacter         = "22021"
	badEscape            = "22P05"
	connectionExceptions = "08" // a class
	internalErrors       = "XX" // a class: data_corrupted, index_corrupted
)

// Read runs a function that makes one query.
func (d *database) Read(ctx context.Context, f func(tables.Queryer) error) error {
	return d.persist(ctx, func() (bool, error) {
		err := d.withConn(ctx, func(conn *sql.Conn) error { return f(conn) })
		return isPassing(err), err
	})
}

// View runs a function in a transaction that sees one state of the catalog.
func (d *database) View(ctx context.Context, f func(*sql.Tx) error) error {
	return d.persist(ctx, func() (bool, error) {
		err := d.withConn(ctx, func(conn *sql.Conn) error {
			tx, err := conn.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
			if err != nil {
				return err
			}
			err = f(tx)
			_ = tx.Rollback() // nothing was changed, and what was read is true
			return err
		})
		return isPassing(err), err
	})
}

// Change runs a function in a transaction, and rolls back when it returns an error.
func (d *database) Change(ctx context.Context, f func(*sql.Tx) error) error {
	return d.persist(ctx, func() (bool, error) {
		var sent bool
		err := d.withConn(ctx, func(conn *sql.Conn) (err error) {
			sent, err = transact(ctx, conn, f)
			return err
		})
		switch {
		case err == nil:
			return false, nil
		case sent && !answered(err):
			return false, fmt.Errorf("%w: %w", ErrUncertain, err)
		case stateOf(err) == readOnlyTransaction:
			return false, fmt.Errorf("%w: %w", ErrReadOnly, err)
		}
		return isPassing(err), err
	})
}

// transact runs a function in a transaction, and reports whether COMMIT may have
// been sent. Each of its statements sees what was committed before it, so what it
// reads after it has locked a row stays true.
func transact(ctx context.Context, conn *sql.Conn, f func(*sql.Tx) error) (sent bool, err error) {
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if err := f(tx); err != nil {
		return false, err
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	return true, tx.Commit()
}

// answered reports whether an error to COMMIT is the server's answer, that it did not
// happen. An error that ends the session is none: a server that is shut down while it
// waits for its standby has committed.
func answered(err error) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && server.SeverityUnlocalized == "ERROR"
}

// withConn runs f with a connection of the pool.
func (d *database) withConn(ctx context.Context, f func(*sql.Conn) error) error {
	waiting, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	conn, err := d.pool.Conn(waiting)
	if err != nil {
		if waiting.Err() != nil && ctx.Err() == nil {
			return fmt.Errorf("no connection was free for %v: all %d are in use: allow more of them", d.patience, d.pool.Stats().OpenConnections)
		}
		return err
	}
	err = f(conn)
	if stateOf(err) == readOnlyTransaction {
		// The next one may reach the server that has taken over.
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	_ = conn.Close() // gives it back, or says that it is broken, which is known
	return err
}

// persist repeats what failed and may be repeated until it succeeds, its context ends
// or patience does.
func (d *database) persist(ctx context.Context, try func() (again bool, err error)) error {
	patient, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	const shortest, longest = 20 * time.Millisecond, time.Second
	for pause := shortest; ; pause = min(2*pause, longest) {
		again, err := try()
		if err == nil || !again || ctx.Err() != nil {
			return d.Explain(ctx, err)
		}
		select {
		case <-time.After(pause):
		case <-patient.Done():
			return d.Explain(ctx, err)
		}
	}
}

// Explain says which catalog is in trouble, or that the context has ended.
func (d *database) Explain(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case tables.IsCallers(err):
		return err // where the catalog is does not matter
	case errors.Is(err, columnar.ErrCorrupt):
		return fmt.Errorf("catalog %s: %w; trellis verify lists all that is damaged, and trellis repair rebuilds the catalog from the bucket", d.name, err)
	case strings.HasPrefix(stateOf(err), internalErrors):
		return fmt.Errorf("catalog %s: %w: PostgreSQL says: %s", d.name, columnar.ErrCorrupt, tables.Printable(err.Error()))
	case stateOf(err) == badCharacter, stateOf(err) == badEscape:
		return fmt.Errorf("%w: PostgreSQL keeps UTF-8 text without null characters only: %w", meta.ErrInvalid, err)
	case ctx.Err() != nil && !errors.Is(err, ctx.Err()):
		return fmt.Errorf("catalog %s: %w: %w", d.name, ctx.Err(), err)
	default:
		return fmt.Errorf("catalog %s: %w", d.name, explainConnect(err))
	}
}

// stateOf returns the SQLSTATE of a server's error, or "".
func stateOf(err error) string {
	var server *pgconn.PgError
	if errors.As(err, &server) {
		return server.Code
	}
	return ""
}

// isPassing reports whether an error is one of the connection or the server's state,
// so that the same may succeed a little later.
func isPassing(err error) bool {
	switch state := stateOf(err); state {
	case "":
	case idleInTransaction, serializationFailure, deadlockDetected, tooManyConnections, adminShutdown, crashShutdown, cannotConnectNow:
		return true
	default:
		return state[:2] == connectionExceptions
	}
	for _, broken := range []error{
		driver.ErrBadConn, sql.ErrConnDone, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
		syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE,
	} {
		if errors.Is(err, broken) {
			return true
		}
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err)
}
