package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store"
)

// busy says what to do about a place that a server has.
func busy(err error, instead string) error {
	if inUse(err) {
		return fmt.Errorf("a server has the database, and does this by itself: %s, or stop it first: %w", instead, err)
	}
	return err
}

type compactFlags struct {
	placeFlags
	quiet bool
}

func newCompact() *cobra.Command {
	f := &compactFlags{}
	cmd := &cobra.Command{
		Use:   "compact --data DIR",
		Short: "Merge segments until there is nothing to gain",
		Long: `Merges segments at full speed until those of each decade have no series in common, and
leaves out samples that have outlived their retention. A running server does this
by itself, slowly; with CALL compact() at once.

` + placeHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	f.addFlags(cmd.Flags(), "to compact")
	cmd.Flags().BoolVar(&f.quiet, "quiet", false, "show no progress")
	return cmd
}

func (f *compactFlags) run(ctx context.Context, out io.Writer) (err error) {
	began := now()
	w, err := f.write(ctx, upkeep{keep: -1})
	if err != nil {
		return busy(err, "ask it to at once with SQL, CALL compact()")
	}
	defer func() { err = errors.Join(err, w.close(ctx)) }()
	if err := w.store.Flush(ctx); err != nil {
		return err
	}
	before := w.store.Segments()
	stop := f.watch(ctx, w.store, before)
	err = w.store.Compact(ctx)
	stop()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "compacted: %s before, %s now; %s written in %.1f s\n", count(int64(len(before)), "segment"),
		count(int64(len(w.store.Segments())), "segment"), humanize.IBytes(uint64(w.store.Stats().CompactedBytes)), float64(now()-began)/1e6)
	return err
}

// watch shows how much has been written until the result is called.
func (f *compactFlags) watch(ctx context.Context, s *store.Store, before []meta.Segment) (stop func()) {
	m := newMeter("compact", f.quiet)
	bytes := int64(0)
	for i := range before {
		bytes += before[i].Size
	}
	m.plan(len(before), bytes)
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for shown := int64(0); ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				written := s.Stats().WrittenBytes
				m.add(written - shown)
				shown = written
			}
		}
	}()
	return func() {
		cancel()
		<-ended
		m.finish()
	}
}

type gcFlags struct {
	placeFlags
	dry    bool
	keep   string
	grace  string
	asJSON bool
}

func newGC() *cobra.Command {
	f := &gcFlags{}
	cmd := &cobra.Command{
		Use:   "gc --data DIR",
		Short: "Collect garbage: what nothing refers to any more",
		Long: `Gives up snapshots that are older than they are kept, and deletes objects that no kept
snapshot, no pin and no history needs, once a time of grace has passed since that was
found. Objects that were never committed go the same way. A running server does this
by itself, every minute.

For how long snapshots are kept the catalog says, or --keep-snapshots; where neither
does, no snapshot is given up, since the server may have been told to keep more than by
default.

` + placeHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	f.addFlags(cmd.Flags(), "to collect in")
	cmd.Flags().BoolVar(&f.dry, "dry-run", false, "say what would go, and why, and change nothing")
	cmd.Flags().StringVar(&f.keep, "keep-snapshots", "forever", "how long snapshots stay readable, as the server has it, such as 30d")
	cmd.Flags().StringVar(&f.grace, "grace", "15m", "how long an object outlives the last reference to it")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "write the report as JSON")
	return cmd
}

func (f *gcFlags) run(ctx context.Context, out io.Writer) (err error) {
	var up upkeep
	if up.keep, err = parseAge("keep-snapshots", f.keep); err != nil {
		return err
	}
	if up.grace, err = parseAge("grace", f.grace); err != nil {
		return err
	}
	if up.grace < 0 {
		return errors.New("--grace: write a time such as 15m")
	}
	w, err := f.write(ctx, up)
	if err != nil {
		return busy(err, "wait a minute")
	}
	defer func() { err = errors.Join(err, w.close(ctx)) }()
	c, err := w.store.Collect(ctx, f.dry)
	if err != nil {
		return err
	}
	if f.asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(c)
	}
	return f.tell(out, &c)
}

// tell writes what a collection did, or would do.
func (f *gcFlags) tell(out io.Writer, c *store.Collected) error {
	would := ""
	if f.dry {
		would = "would be "
	}
	for _, part := range []struct {
		names []string
		why   string
	}{
		{c.Unlinked, would + "unlinked: no kept snapshot has it any more"},
		{c.Orphans, would + "condemned: no commit has ever named it"},
		{c.Deleted, would + "deleted: nothing has referred to it for " + f.grace},
	} {
		for _, name := range part.names {
			if _, err := fmt.Fprintf(out, "%s %s\n", name, part.why); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(out, "%s %sgiven up, %s %sunlinked, %s %scondemned, %s %sdeleted; %s for the time of grace\n",
		count(c.Snapshots, "snapshot"), would, count(int64(len(c.Unlinked)), "segment"), would, count(int64(len(c.Orphans)), "orphan"), would,
		count(int64(len(c.Deleted)), "object"), would, waits(c.Waiting))
	return err
}

// waits says how many objects wait.
func waits(n int) string {
	if n == 1 {
		return "1 object waits"
	}
	return humanize.Comma(int64(n)) + " objects wait"
}
