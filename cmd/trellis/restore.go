package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/store"
	"github.com/trellisdb/trellis/store/backup"
	"github.com/trellisdb/trellis/store/object"
)

type restoreFlags struct {
	placeFlags
	copyFlags
	from     string
	manifest string
}

func newRestore() *cobra.Command {
	f := &restoreFlags{}
	cmd := &cobra.Command{
		Use:   "restore --from BUCKET --data DIR",
		Short: "Fill an empty place with a backup",
		Long: `Fills an empty place with a backup: the newest one, or the one that --manifest names
(trellis backup --list shows them). The place may be of any kind, whatever the
database was in before. Every byte is compared with its checksum on the way. One that
was cut short is gone on with by calling it again. The target is compared with the
manifest at the end; a target that holds anything else is refused.

` + placeHelp,
		Example: `  trellis restore --from /mnt/backup/trellis --data /var/lib/trellis
  trellis restore --from s3://backups/trellis --bucket s3://plant/trellis --catalog postgres://trellis@db/trellis`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	f.placeFlags.addFlags(cmd.Flags(), "to fill")
	f.copyFlags.addFlags(cmd.Flags())
	cmd.Flags().StringVar(&f.from, "from", "", "bucket of backups: a directory, or s3://bucket/prefix")
	cmd.Flags().StringVar(&f.manifest, "manifest", "", "which backup; default: the newest")
	return cmd
}

func (f *restoreFlags) run(ctx context.Context, out io.Writer) (err error) {
	began := now()
	from, closeFrom, err := openBackups(ctx, "from", f.from, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeFrom()) }()
	manifest, err := f.choose(ctx, from)
	if err != nil {
		return err
	}
	st, err := f.open(ctx, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	m := newMeter("restore", f.quiet)
	r, err := backup.Restore(ctx, from, manifest, parts(st), f.options(m))
	m.finish()
	if err != nil {
		return targetError(err, st)
	}
	return f.report(out, "restored", &r, began)
}

// targetError names the place that is not to be filled.
func targetError(err error, st *trellis.Storage) error {
	if errors.Is(err, backup.ErrNotEmpty) || errors.Is(err, store.ErrForeign) {
		return fmt.Errorf("bucket %s, catalog %s: %w", st.Place.BucketName(), st.Place.CatalogName(), err)
	}
	return err
}

// choose returns the key of the manifest.
func (f *restoreFlags) choose(ctx context.Context, from object.Bucket) (string, error) {
	list, err := backup.List(ctx, from)
	if err != nil {
		return "", err
	}
	if f.manifest != "" {
		if !slices.ContainsFunc(list, func(b backup.Info) bool { return b.Name == f.manifest }) {
			return "", fmt.Errorf("there is no manifest %q in %s: trellis backup --list shows them", f.manifest, withoutSettings(f.from))
		}
		return f.manifest, nil
	}
	if len(list) == 0 {
		return "", fmt.Errorf("there is no backup in %s", withoutSettings(f.from))
	}
	newest := list[len(list)-1]
	for _, b := range slices.Backward(list) {
		if b.Database != newest.Database {
			return "", fmt.Errorf("%s has backups of several databases: choose one with --manifest, such as %s or %s", withoutSettings(f.from), newest.Name, b.Name)
		}
	}
	return newest.Name, nil
}
