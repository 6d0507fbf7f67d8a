package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/trellisdb/trellis/cmd/trellis/internal/importer"
)

// notSuggested are flags that say nothing of a file.
var notSuggested = []string{"suggest", "preset", "server", "data", "user", "password-file", "dry-run", "report", "progress"}

// suggestImport reads a sample of a file, proposes the command that imports it, and tries
// it without storing anything.
func suggestImport(ctx context.Context, cmd *cobra.Command, o importer.Options) error {
	found, err := importer.Suggest(o)
	if err != nil {
		return err
	}
	var given []string
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if slices.Contains(notSuggested, f.Name) {
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, v := range values {
			given = append(given, "--"+f.Name+"="+v)
		}
	})
	var b strings.Builder
	fmt.Fprintf(&b, "trellis import %s", quoteFiles(o.Files))
	args := slices.Clone(given)
	for _, x := range given {
		flag, value, _ := strings.Cut(x, "=")
		b.WriteString(" \\\n    " + flag + " " + shellQuote(value))
	}
	for _, p := range found.Proposals {
		switch {
		case p.Value == "":
			args = append(args, "--"+p.Flag)
			b.WriteString(" \\\n    --" + p.Flag)
		case p.Flag == "header":
			args = append(args, "--header="+p.Value)
			b.WriteString(" \\\n    --header=" + p.Value)
		default:
			args = append(args, "--"+p.Flag+"="+p.Value)
			b.WriteString(" \\\n    --" + p.Flag + " " + shellQuote(p.Value))
		}
	}
	b.WriteString("\n\nwhy:\n")
	for _, p := range found.Proposals {
		if p.Why != "" {
			fmt.Fprintf(&b, "  --%s %s: %s\n", p.Flag, p.Value, p.Why)
		}
	}
	if len(found.Unsure) > 0 {
		b.WriteString("not sure:\n")
		for _, text := range found.Unsure {
			fmt.Fprintf(&b, "  %s\n", text)
		}
	}
	if _, err := fmt.Fprint(cmd.OutOrStdout(), b.String()); err != nil {
		return err
	}
	return trySuggestion(ctx, cmd, o.Files, args)
}

// trySuggestion runs what is proposed as a dry run and says what came of it.
func trySuggestion(ctx context.Context, cmd *cobra.Command, files, args []string) error {
	f := &importFlags{}
	flags := pflag.NewFlagSet("import", pflag.ContinueOnError)
	f.addFlags(flags)
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("the proposal cannot be read: %w", err)
	}
	o, err := f.options(flags, files)
	if err != nil {
		return fmt.Errorf("the proposal cannot be read: %w", err)
	}
	o.DryRun = true
	report, err := importer.Run(ctx, nil, o)
	if err != nil {
		return fmt.Errorf("the proposal was tried, but %w", err)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "tried without storing: %s rows, %s samples in %s, %s refused, %s duplicate\n", humanize.Comma(report.Rows), humanize.Comma(report.Samples),
		count(int64(len(report.Series)), "series"), humanize.Comma(report.Refused()), humanize.Comma(report.Duplicates))
	if report.Refused() > 0 && err == nil {
		var b strings.Builder
		causes(&b, report)
		_, err = fmt.Fprint(cmd.OutOrStdout(), b.String())
	}
	return err
}

// shellQuote writes a word as a shell reads it.
func shellQuote(word string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,+%@="
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func quoteFiles(files []string) string {
	out := make([]string, len(files))
	for i, name := range files {
		out[i] = shellQuote(name)
	}
	return strings.Join(out, " ")
}
