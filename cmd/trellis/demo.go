package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/trellisdb/trellis/cmd/trellis/internal/demo"
)

func newDemo() *cobra.Command {
	o := demo.Options{Clock: time.Now}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Store and query real sensor data, and ten years at a sample per second",
		Long: `Starts a server on a new directory, loads real sensor series that are bundled with
the program and ten years at a sample per second that a formula makes, asks questions
over Flight SQL, and shows the answers, how long they took, and how many blocks each of
them touched. Then it stays up, for you to ask your own, until Ctrl-C; what it stored
is removed then, unless you name a directory for it.`,
		Example: `  trellis demo
  trellis demo --once --years 1
  trellis demo --data ./demo-data --listen 127.0.0.1:4000`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			o.Out = cmd.OutOrStdout()
			o.Logger = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
			if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil && o.Out == os.Stdout {
				o.Terminal, o.Width = true, width
			}
			return demoError(ctx, demo.Run(ctx, o), o)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.Once, "once", false, "end after the last answer, instead of staying up")
	flags.StringVar(&o.Dir, "data", "", "directory of the database, which is kept; default: a new one, which is removed")
	flags.StringVar(&o.Listen, "listen", "", "address to serve Flight on; default: 127.0.0.1:31337, or another port if that is in use")
	flags.Float64Var(&o.Years, "years", 10, "length of the series at a sample per second")
	flags.StringVar(&o.Answers, "answers", "", "file to write questions and answers to, as JSON")
	return cmd
}

// demoError says what to do about an error of the demo. One that a signal caused says
// nothing.
func demoError(ctx context.Context, err error, o demo.Options) error {
	var listening *net.OpError
	switch {
	case err != nil && ctx.Err() != nil:
		return exitCode(exitSignal)
	case errors.As(err, &listening) && listening.Op == "listen":
		return listenError(err, "--listen", o.Listen)
	}
	return openError(err, o.Dir, "stop it, or choose another directory with --data")
}
