package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/columnar/memory"
	"github.com/trellisdb/trellis/flight"
)

func newServe() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve --data DIR",
		Short: "Run a server",
		Long: `Runs a server on the database in a directory, until it gets SIGINT or SIGTERM; it
then finishes the calls that are under way, writes what it holds in memory, and
ends. A second signal ends it at once: nothing that was acknowledged is lost, the
next start reads it from the write-ahead log.

When it is ready it prints one line, "listening on HOST:PORT".

The segments and the catalog are in the data directory, or elsewhere (--bucket,
--catalog); the write-ahead log is in the data directory always, on a local disk. One
server at a time may write: a second one is refused for as long as the first one's
lease lasts, and says whose that is.

Every flag may stand in a YAML file instead (--config), without its dashes, or in an
environment variable: TRELLIS_METRICS_LISTEN for --metrics-listen. A flag counts more
than the environment, that more than the file. Several users in TRELLIS_USERS, and
administrators in TRELLIS_ADMIN, are separated by commas.

The memory limit is that of the whole process: ingest, flushes, queries and caches
together stay below it. Writers wait while there is no room for what they send;
statements that need more than is left are refused.`,
		Example: `  trellis serve --data ./data
  trellis serve --data /var/lib/trellis --bucket 's3://plant/trellis?region=eu-central-1' \
      --catalog postgres://trellis@db/trellis --cache-size 100GiB
  trellis serve --data /var/lib/trellis --listen 0.0.0.0:31337 --user ada:secret \
      --tls-cert server.crt --tls-key server.key --memory-limit 4GiB --metrics-listen :9100`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := loadServeConfig(cmd.Flags())
			if err != nil {
				return err
			}
			return serve(cmd.Context(), cmd, config)
		},
	}
	addServeFlags(cmd.Flags())
	return cmd
}

// service is a server that runs.
type service struct {
	config *serveConfig
	logger *slog.Logger
	db     *trellis.DB
	flight *flight.Server
	lis    net.Listener
	scrape net.Listener // of the metrics; nil: none
}

// serve runs a server until a signal comes.
func serve(ctx context.Context, cmd *cobra.Command, config *serveConfig) (err error) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)

	s := &service{config: config}
	if err := s.open(ctx); err != nil {
		return err
	}
	for _, name := range unknownVariables(cmd.Flags(), os.Environ()) {
		s.logger.Warn("the environment has a variable that is no setting", "name", name, "see", "trellis serve --help")
	}
	defer func() { err = errors.Join(err, s.db.Close(context.WithoutCancel(ctx))) }()
	metrics, err := serveMetrics(s)
	if err != nil {
		return errors.Join(err, s.hangUp())
	}
	defer func() { err = errors.Join(err, metrics.close()) }()

	failed := make(chan error, 1)
	go func() { failed <- s.flight.Serve(s.lis) }()
	if _, err := fmt.Fprintf(cmd.OutOrStdout(), "listening on %s\n", s.lis.Addr()); err != nil {
		return err
	}
	s.logger.Info("ready", "address", s.lis.Addr().String(), "data", config.Data, "version", trellis.Version, "tls", config.TLSCert != "")
	select {
	case err := <-failed:
		return err
	case sig := <-signals:
		s.logger.Info("stopping", "signal", sig.String())
	}
	go func() {
		<-signals
		s.logger.Warn("stopped at once by a second signal")
		os.Exit(exitSignal)
	}()
	return s.stop(ctx)
}

// open opens the database and makes the server.
func (s *service) open(ctx context.Context) (err error) {
	if s.logger, err = s.config.logger(); err != nil {
		return err
	}
	shares, err := s.config.memory()
	if err != nil {
		return err
	}
	if shares.Process > 0 {
		debug.SetMemoryLimit(shares.Runtime)
	}
	users, err := s.config.users()
	if err != nil {
		return err
	}
	admins, err := s.config.admins(users)
	if err != nil {
		return err
	}
	tls, err := s.config.tls()
	if err != nil {
		return err
	}
	opts := trellis.Options{
		Dir: s.config.Data, Clock: now, Logger: s.logger, Workers: runtime.GOMAXPROCS(0), Seed: uint64(now()),
		QueryMemory: shares.Statement, HeadBytes: shares.Head, CacheBytes: shares.Caches, Memory: memory.NewParts(shares),
		RequireReason: s.config.RequireReason, Admins: admins,
	}
	if err := s.config.Storage.options(&opts); err != nil {
		return err
	}
	server := flight.Options{Clock: now, Logger: s.logger, TLS: tls, Users: users, Open: s.config.AllowRemote, MaxMessage: int(shares.Message)}
	if err := s.listen(&server); err != nil {
		return err
	}
	if s.db, err = trellis.Open(ctx, opts); err != nil {
		return errors.Join(openError(err, s.config.Data, "stop it, or choose another directory with --data"), s.hangUp())
	}
	s.logger.Info("storage", "bucket", s.db.Storage.Place.BucketName(), "catalog", s.db.Storage.Place.CatalogName(), "epoch", s.db.Store.Stats().Epoch)
	server.Engine, server.Ingest, server.MessageTime = s.db.Engine, s.db.Memory.Ingest, s.config.MessageTimeout
	server.Wire = flight.Wire{
		Calls: s.db.Memory.Calls, Messages: s.db.Memory.Messages, Statements: s.db.Memory.Statements, Streams: s.db.Memory.Streams,
		Window: int(shares.Window), Connections: s.config.connections(shares),
	}
	if s.flight, err = flight.New(server); err != nil {
		return errors.Join(err, s.db.Close(ctx), s.hangUp())
	}
	if users != nil {
		s.logger.Info("users", "names", names(users))
	}
	return nil
}

// listen takes the addresses, before anything of the database is made or locked. Who
// connects before it is open waits until it is.
func (s *service) listen(server *flight.Options) (err error) {
	if s.lis, err = net.Listen("tcp", s.config.Listen); err != nil {
		return listenError(err, "--listen", s.config.Listen)
	}
	if !server.MayServe(s.lis.Addr()) {
		err := fmt.Errorf("--listen %s: other machines can reach it and there are no users: name some with --user, or allow everybody with --allow-remote", s.config.Listen)
		return errors.Join(err, s.hangUp())
	}
	if s.config.MetricsListen == "" {
		return nil
	}
	if s.scrape, err = net.Listen("tcp", s.config.MetricsListen); err != nil {
		return errors.Join(listenError(err, "--metrics-listen", s.config.MetricsListen), s.hangUp())
	}
	return nil
}

// hangUp gives the addresses back.
func (s *service) hangUp() error {
	err := s.lis.Close()
	if s.scrape != nil {
		err = errors.Join(err, s.scrape.Close())
	}
	return err
}

// stop ends the calls; the database is closed by the caller.
func (s *service) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.ShutdownTimeout)
	defer cancel()
	if err := s.flight.Shutdown(ctx); err != nil {
		s.logger.Warn("calls were cancelled", "after", s.config.ShutdownTimeout.String())
	}
	return nil
}

// listenError says what to do about an address that cannot be had.
func listenError(err error, flag, address string) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s %s: another process listens there: stop it, or choose another port", flag, address)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%s %s: this user may not listen there: choose a port above 1023", flag, address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s %s: this machine does not have that address", flag, address)
	}
	return fmt.Errorf("%s %s: write host:port: %w", flag, address, err)
}
