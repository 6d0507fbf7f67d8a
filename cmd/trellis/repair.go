package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/trellisdb/trellis"
)

type repairFlags struct {
	placeFlags
	dryRun bool
	loss   bool
	yes    bool
}

func newRepair() *cobra.Command {
	f := &repairFlags{}
	cmd := &cobra.Command{
		Use:   "repair --data DIR",
		Short: "Rebuild the catalog from the bucket",
		Long: `Rebuilds the catalog - series, segments, snapshots, edits, pins and settings - from what
the bucket knows of it: a checkpoint, and every change since then. It is for a catalog
that is damaged, lost, or has gone back in time, such as one whose newest changes a
damaged disk swallowed, or a database of PostgreSQL that was restored to yesterday. What
is only in the write-ahead log is untouched; the next start recovers it.

The server must be stopped. A catalog file is set aside, not deleted. A database of
PostgreSQL is filled anew: take a dump of it first.

A catalog that knows of more than the bucket is left alone, unless --with-loss gives that up.

With --dry-run nothing is changed: it says what the catalog would hold, and what of that
it has otherwise now. Where changes in the bucket are damaged, those after them cannot be
had back: --with-loss goes on without them.

Exit codes: 0 the catalog is that of the bucket; 3 with --dry-run: it is not; 1 it could not be done.

` + placeHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	f.addFlags(cmd.Flags(), "to repair")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "only say what would be done")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "the server that wrote to the bucket last is stopped for good, though its catalog was another file")
	cmd.Flags().BoolVar(&f.loss, "with-loss", false, "go on without changes that are damaged in the bucket")
	return cmd
}

func (f *repairFlags) run(ctx context.Context, out io.Writer) (err error) {
	p, err := f.resolve()
	if err != nil {
		return err
	}
	r, err := trellis.OpenRepair(ctx, p, now)
	if inUse(err) {
		return fmt.Errorf("stop the server first: %w", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	needed := r.Plan.Needed() || r.Unreadable != nil
	if err := f.show(out, r, p); err != nil {
		return err
	}
	switch {
	case !needed:
		_, err := fmt.Fprintln(out, "nothing to do: the catalog is what the bucket says")
		return err
	case f.dryRun:
		return exitCode(exitDamaged)
	case r.Plan.Ahead > 0 && !f.loss:
		return fmt.Errorf("nothing was changed: the catalog has %s that the bucket does not know: it is the bucket that has gone back in time, or that was not written to yet; put the newest bucket back, start the server if it starts, or give those changes up with --with-loss", count(r.Plan.Ahead, "change"))
	case r.Plan.Lost > 0 && !f.loss:
		return fmt.Errorf("%s of the catalog cannot be had back from the bucket: restore a backup, or go on without with --with-loss", count(r.Plan.Lost, "change"))
	case r.Plan.Elsewhere != "" && !f.yes:
		return fmt.Errorf("nothing was changed: the bucket's last writer, %q, had its catalog in another place, or this one was moved, restored or replaced: see that that server is stopped, and say so with --yes", r.Plan.Elsewhere)
	}
	aside, err := r.Run(ctx, now())
	if err != nil {
		return err
	}
	if aside != "" {
		_, err = fmt.Fprintf(out, "the catalog that was there is %s now\n", aside)
	}
	if err == nil {
		_, err = fmt.Fprintf(out, "catalog %s is rebuilt: start the server, or look at it with trellis verify\n", p.CatalogName())
	}
	return err
}

// show says what is planned.
func (f *repairFlags) show(out io.Writer, r *trellis.Repair, p trellis.Place) error {
	w := &printer{out: out}
	c, plan := &r.Plan.Content, r.Plan
	newest := int64(0)
	if n := len(c.Snapshots); n > 0 {
		newest = c.Snapshots[n-1].ID
	}
	w.printf("bucket %s: database %s, a checkpoint at change %d and %s after it\n", p.BucketName(), c.ID, plan.Checkpoint, count(plan.Changes, "change"))
	w.printf("it knows %s, %s up to snapshot %d, %s, %s\n",
		count(int64(len(c.Series)), "series"), count(int64(len(c.Segments)), "segment"), newest, count(int64(len(c.Edits)), "edit"), count(int64(len(c.Pins)), "pin"))
	for _, err := range plan.Damaged {
		w.printf("damaged: %v\n", err)
	}
	if plan.Lost > 0 {
		w.printf("lost: %s after change %d\n", count(plan.Lost, "change"), c.Changes)
	}
	for _, name := range plan.Missing {
		w.printf("missing: %s is not in the bucket as it should be: its samples are to be restored from a backup\n", name)
	}
	if n := len(plan.Unknown); n > 0 {
		w.printf("%s there that no change names, such as %s; nobody will delete them\n", count(int64(n), "other object"), plan.Unknown[0])
	}
	switch {
	case r.Unreadable != nil:
		w.printf("catalog %s cannot be read: %v\n", p.CatalogName(), r.Unreadable)
	case plan.Fault != nil:
		w.printf("catalog %s: %v\n", p.CatalogName(), plan.Fault)
	}
	for _, what := range plan.Differences {
		w.printf("catalog: %s\n", what)
	}
	return w.err
}

// printer writes lines and keeps the first error.
type printer struct {
	out io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format, args...)
	}
}
