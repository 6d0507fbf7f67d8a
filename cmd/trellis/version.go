package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/spf13/cobra"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/columnar/zone"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, and those of what it is made of",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "trellis %s%s\ngo %s %s/%s\narrow-go %s\ntzdata %s\n", trellis.Version, commit(),
				runtime.Version(), runtime.GOOS, runtime.GOARCH, arrow.PkgVersion, zone.Version)
			return err
		},
	}
}

// commit returns the commit that the binary was built from, as far as it is known.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	revision, state := "", ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				state = ", changed"
			}
		}
	}
	if revision == "" {
		return ""
	}
	return fmt.Sprintf(" (%.12s%s)", revision, state)
}
