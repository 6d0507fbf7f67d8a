package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"

	"github.com/trellisdb/trellis/cmd/trellis/internal/importer"
	"github.com/trellisdb/trellis/engine/plan"
)

// progress shows how far an import has come; without a bar it shows nothing.
type progress struct {
	bar   *progressbar.ProgressBar
	clock func() int64
	began int64
}

// newProgress returns a bar on standard error, if it is wanted.
func newProgress(mode string, files []string, clock func() int64) *progress {
	p := &progress{clock: clock, began: clock()}
	if mode == "off" || mode == "auto" && !isTerminal(os.Stderr) {
		return p
	}
	total := int64(0)
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() {
			total = -1
			break
		}
		total += info.Size()
	}
	p.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionShowBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetWidth(24), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionSpinnerType(14))
	return p
}

// show moves the bar.
func (p *progress) show(x importer.Progress) {
	if p.bar == nil {
		return
	}
	rate := float64(x.Samples) / (float64(max(1, p.clock()-p.began)) / 1e6)
	p.bar.Describe(fmt.Sprintf("%s samples stored, %s/s", humanize.Comma(x.Samples), humanize.SIWithDigits(rate, 1, "")))
	_ = p.bar.Set64(x.Bytes) // a bar that cannot be drawn is no reason to stop
}

// finish takes the bar away.
func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

// seriesShown is how many series the report for people lists.
const seriesShown = 20

// printReport writes a report.
func printReport(w io.Writer, r *importer.Report, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	_, err := io.WriteString(w, reportText(r))
	return err
}

// reportText returns a report for people.
func reportText(r *importer.Report) string {
	var b strings.Builder
	line := func(label string, n int64, note string) {
		if n > 0 {
			fmt.Fprintf(&b, "%-14s %12s  %s\n", label, humanize.Comma(n), note)
		}
	}
	stored := "stored"
	if r.DryRun {
		stored = "storable"
		b.WriteString("dry run: nothing was stored\n")
	}
	fmt.Fprintf(&b, "%-14s %12s  in %s, %s\n", "rows read", humanize.Comma(r.Rows), count(int64(r.Files), "file"), humanize.IBytes(uint64(r.Bytes)))
	fmt.Fprintf(&b, "%-14s %12s  samples in %s\n", stored, humanize.Comma(r.Samples), count(int64(len(r.Series)), "series"))
	if !r.DryRun {
		line("  lost", r.Samples-r.Acknowledged, "read, but the server has not acknowledged them")
	}
	line("  unchanged", r.Already, "among them: the database had them already, and nothing was stored twice")
	line("  uncertain", r.Uncertain, "")
	line("  bad", r.Bad, "")
	line("  no value", r.WithoutValue, "among the bad ones")
	for _, s := range r.States {
		line("    "+s.State, s.Values, fmt.Sprintf("kept as a sample without a value, status 0x%08X", s.Status))
	}
	line("duplicate", r.Duplicates, "another sample of this import has the slot")
	if r.OffGrid > 0 {
		line("off the grid", r.OffGrid, "up to "+plan.FormatInterval(plan.Span{Micros: r.MaxShift})+" after the beginning of the slot")
	}
	line("skipped", r.Skipped, "empty values")
	line("refused", r.RefusedRows, "rows")
	line("refused", r.RefusedValues, "values in other rows")
	line("series created", int64(r.Created), "")
	if e := r.Edited; e != nil && e.ID == 0 {
		b.WriteString("the edit changed nothing\n")
	} else if e != nil {
		fmt.Fprintf(&b, "edit %d: %s inserted, %s replaced\n", e.ID, humanize.Comma(e.Inserted), humanize.Comma(e.Replaced))
	}
	causes(&b, r)
	for _, x := range r.Collisions {
		other := "an earlier row"
		if x.OtherLine > 0 {
			other = fmt.Sprintf("%s:%d", x.OtherFile, x.OtherLine)
		}
		fmt.Fprintf(&b, "  %s:%d: %s: same slot, %s, as %s: the %s is kept\n", x.File, x.Line, x.Series, plan.FormatTimestamptz(x.Slot, nil), other, x.Kept)
	}
	if left := r.Duplicates - int64(len(r.Collisions)); left > 0 {
		fmt.Fprintf(&b, "  and %s more in slots that were taken\n", humanize.Comma(left))
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", note)
	}
	for i, s := range r.Series {
		if i == seriesShown {
			fmt.Fprintf(&b, "and %s more\n", count(int64(len(r.Series)-i), "series"))
			break
		}
		made := ""
		if s.Created {
			made = ", created"
		}
		fmt.Fprintf(&b, "%s: %s, %s to %s, every %s%s\n", s.Name, count(s.Samples, "sample"), plan.FormatTimestamptz(s.First, nil),
			plan.FormatTimestamptz(s.Last, nil), s.SampleT, made)
		for _, h := range s.Head {
			value := h.Value
			if value == "" {
				value = "no value"
			}
			fmt.Fprintf(&b, "    line %d: %s  %s  status 0x%08X\n", h.Line, plan.FormatTimestamptz(h.Time, nil), value, h.Status)
		}
	}
	seconds := float64(r.Micros) / 1e6
	fmt.Fprintf(&b, "%s in %.2f s: %s samples/s\n", count(r.Samples, "sample"), seconds, humanize.SIWithDigits(float64(r.Samples)/seconds, 1, ""))
	return b.String()
}

// causesShown is how many causes the report for people lists.
const causesShown = 20

// causes tells why rows and values were refused: each cause once, with its first line,
// how often it was and where else.
func causes(b *strings.Builder, r *importer.Report) {
	told := int64(0)
	for i, x := range r.Causes {
		if i == causesShown {
			break
		}
		told += x.Count
		where := fmt.Sprintf("%s:%d", x.File, x.Line)
		if x.Column != "" {
			where += ": " + x.Column
		}
		fmt.Fprintf(b, "  %s: %s\n", where, x.Reason)
		if x.Count > 1 {
			lines := make([]string, len(x.Lines))
			for k, n := range x.Lines {
				lines[k] = strconv.FormatInt(n, 10)
			}
			if int64(len(lines)) < x.Count {
				lines = append(lines, "...")
			}
			fmt.Fprintf(b, "    %s times for this cause: lines %s\n", humanize.Comma(x.Count), strings.Join(lines, ", "))
		}
	}
	if left := r.Refused() - told; left > 0 {
		fmt.Fprintf(b, "  and %s more, for other causes\n", humanize.Comma(left))
	}
}

// count returns a number with its noun.
func count(n int64, noun string) string {
	if n != 1 && noun != "series" {
		noun += "s"
	}
	return humanize.Comma(n) + " " + noun
}
