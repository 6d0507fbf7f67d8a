package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"regexp"
	"runtime"
	"strings"

	"github.com/spf13/pflag"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/cmd/trellis/internal/client"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/wal"
)

// connection says which database a verb works on: that of a server, or one in a
// directory, which the process opens itself.
type connection struct {
	server, data, user, ca string
	bucket, catalog        string // beside the directory
}

// addFlags adds the flags of the connection.
func (c *connection) addFlags(flags *pflag.FlagSet) {
	flags.StringVarP(&c.server, "server", "s", "", "server to talk to: grpc://host:port, or grpc+tls://host:port; default: $TRELLIS_SERVER, else "+client.DefaultServer)
	flags.StringVarP(&c.data, "data", "d", "", "directory to open instead, without a server")
	flags.StringVar(&c.bucket, "bucket", "", "with --data: where segments are, as for trellis serve; default: in the directory")
	flags.StringVar(&c.catalog, "catalog", "", "with --data: where the catalog is, as for trellis serve; default: in the directory")
	flags.StringVarP(&c.user, "user", "u", "", "name:password for the server; default: $TRELLIS_USER")
	flags.StringVar(&c.ca, "tls-ca", "", "PEM file with the certificates to trust; default: those of the machine")
}

// open returns the connection. A directory that does not exist is made where make is
// set.
func (c *connection) open(ctx context.Context, make bool) (client.Conn, error) {
	conn, err := c.connect(ctx, make)
	if err != nil || c.user != "" {
		return conn, err
	}
	return conn, sayAuthor(ctx, conn)
}

// sayAuthor says who makes the edits of a session that has no user: who is logged in at
// this machine. A server that does not want to know, or is not there, says so at the
// first statement.
func sayAuthor(ctx context.Context, conn client.Conn) error {
	who, err := user.Current()
	if err != nil {
		return nil //nolint:nilerr // then nobody says who it is
	}
	result, err := conn.Run(ctx, "SET trellis.author = '"+strings.ReplaceAll(who.Username, "'", "''")+"'", nil)
	if err != nil || result.Rows == nil {
		return nil //nolint:nilerr // as above
	}
	return result.Rows.Close()
}

// connect is open without a word of who asks.
func (c *connection) connect(ctx context.Context, make bool) (client.Conn, error) {
	if c.data == "" && (c.bucket != "" || c.catalog != "") {
		return nil, errors.New("--bucket and --catalog need --data, a directory for the log; or name a server with --server alone")
	}
	if c.data == "" {
		c.user = cmp.Or(c.user, os.Getenv(envUser))
		c.server = cmp.Or(c.server, os.Getenv(envServer), client.DefaultServer)
		name, password, ok := strings.Cut(c.user, ":")
		if c.user != "" && (!ok || name == "") {
			return nil, errors.New("--user: write name:password")
		}
		return client.Connect(client.Server{Address: c.server, User: name, Password: password, CA: c.ca})
	}
	if _, err := os.Stat(c.data); errors.Is(err, os.ErrNotExist) && !make {
		return nil, fmt.Errorf("there is no directory %s (--data)", c.data)
	}
	conn, err := client.OpenDir(ctx, trellis.Options{
		Dir: c.data, Bucket: c.bucket, Catalog: c.catalog, Clock: now, Workers: runtime.GOMAXPROCS(0), Seed: uint64(now()),
		Upkeep: trellis.Upkeep{Keep: -1}, // the server may have been told to keep more than by default
	})
	if err != nil {
		return nil, openError(err, c.data, "use --server to go through it, or stop it")
	}
	return conn, nil
}

// holder finds who has a log locked, in the error that says so.
var holder = regexp.MustCompile(` \(pid \d+\)`)

// openError says what to do about a directory that cannot be opened.
func openError(err error, dir, locked string) error {
	switch {
	case errors.Is(err, wal.ErrLocked):
		return fmt.Errorf("data directory %s is in use by another process%s: %s", dir, holder.FindString(err.Error()), locked)
	case errors.Is(err, meta.ErrHeld):
		return fmt.Errorf("%w (the lease runs out by itself where that writer is gone; it may come back at once with its own --data directory)", err)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%w: choose a directory that you may write to with --data", err)
	}
	return err
}
