package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/trellisdb/trellis/store"
)

// acceptFlags say of which place a damaged log is gone on with.
type acceptFlags struct {
	placeFlags
	yes bool
}

func newWALAccept() *cobra.Command {
	f := &acceptFlags{}
	cmd := &cobra.Command{
		Use:   "accept --data DIR",
		Short: "Go on with what can be read of a damaged log",
		Long: `A server does not start on a write-ahead log of which something that was acknowledged
is damaged or missing, or that has lost its marker. Where the files cannot be brought
back, this keeps all records before the first damage and makes a marker that says so.
What stands behind is set aside, in files whose names end in .aside.

Without --yes nothing is changed: it says what is damaged, and what would be kept.

` + placeHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	f.addFlags(cmd.Flags(), "whose log is damaged")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do it")
	return cmd
}

func (f *acceptFlags) run(ctx context.Context, out io.Writer) (err error) {
	st, err := f.open(ctx, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	dir := st.Place.LogDir()
	if dir == "" {
		return errors.New("the log is in a data directory: name it with --data")
	}
	got, err := store.AcceptLog(ctx, st.Catalog, dir, f.yes)
	if err != nil {
		return err
	}
	if got.Damage == "" {
		_, err = fmt.Fprintln(out, "the log is sound: nothing was changed")
		return err
	}
	say := func(format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(out, format+"\n", args...)
		}
	}
	say("%s", got.Damage)
	say("kept: all records up to position %d", got.End)
	switch {
	case !got.Marked:
		say("lost: nobody knows, for there is no mark")
	case got.Mark > got.End:
		say("lost: records of %d bytes that were acknowledged", got.Mark-got.End)
	default:
		say("lost: nothing that was acknowledged")
	}
	for _, name := range got.Aside {
		say("set aside: %s, as it was", name)
	}
	if err == nil && !f.yes {
		return errors.New("nothing was changed: with --yes it is done")
	}
	return err
}
