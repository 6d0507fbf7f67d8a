// Command trellis is the historian in one binary: the server, and what people run
// beside it to load data, ask questions and look into files.
//
// Every verb is a file of this package. What they share stands in packages below
// internal, each with a sentence of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/cmd/trellis/internal/client"
)

// The exit codes.
const (
	exitOK      = 0
	exitError   = 1   // nothing was done, or not all of it
	exitRefused = 2   // import: done, but some rows were refused
	exitDamaged = 3   // verify: done, and something is damaged or missing
	exitSignal  = 130 // the second signal ended the process at once
)

// exitCode is an error that says with which code the process ends; what there is to
// say has been said.
type exitCode int

// Error names the code.
func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func main() { os.Exit(execute()) }

// execute runs the command line and returns the exit code.
func execute() int {
	err := newRoot().ExecuteContext(context.Background())
	var code exitCode
	var statement *client.StatementError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &statement):
		_, _ = fmt.Fprintln(os.Stderr, err)
	default:
		_, _ = fmt.Fprintln(os.Stderr, "trellis: "+err.Error())
	}
	return exitError
}

// newRoot returns the command of all verbs.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "trellis",
		Short: "A historian: sensor data over Arrow Flight SQL",
		Long: `Trellis is a historian: a time series database for industrial and sensor data,
served over Arrow Flight SQL.

  trellis serve --data ./data            runs a server
  trellis import plant.csv --name ...    loads CSV or Parquet into it
  trellis query "SELECT ..."             asks it; without a statement, a prompt`,
		Version:       trellis.Version + commit(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(
		newServe(), newDemo(), newImport(), newQuery(),
		newVerify(), newBackup(), newRestore(), newMigrate(), newAdopt(), newRepair(), newCompact(), newGC(),
		newSegment(), newBlock(), newWAL(), newVersion(),
	)
	return root
}

// now is the present instant, in microseconds: the one clock of the process.
func now() int64 { return time.Now().UnixMicro() }
