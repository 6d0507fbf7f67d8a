package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"google.golang.org/grpc/metadata"

	"github.com/trellisdb/trellis/cmd/trellis/internal/render"
	"github.com/trellisdb/trellis/columnar/zone"
)

// answers is what is written for other programs to compare with.
type answers struct {
	Formula   formulaFacts `json:"formula"`
	Questions []*answer    `json:"questions"`
}

// formulaFacts say what the formula's series holds.
type formulaFacts struct {
	Series  string `json:"series"`
	From    int64  `json:"from"` // seconds since 1970
	To      int64  `json:"to"`   // excluded
	Formula string `json:"formula"`
}

// answer is a question and what came back.
type answer struct {
	Title   string          `json:"title"`
	SQL     string          `json:"sql"`
	Columns []string        `json:"columns"`
	Rows    json.RawMessage `json:"rows"` // objects, with all digits
	Millis  float64         `json:"milliseconds"`
	Blocks  *blocks         `json:"blocks,omitempty"` // nil for EXPLAIN

	held *held
	took []time.Duration
}

// blocks say what an answer touched.
type blocks struct {
	Summarized int64 `json:"summarized"`
	Decoded    int64 `json:"decoded"`
	Skipped    int64 `json:"skipped"`
	Head       int64 `json:"head"`
	Samples    int64 `json:"samples"`
}

// ask asks all questions and prints the answers.
func (d *demo) ask(ctx context.Context) (*answers, error) {
	out := &answers{Formula: formulaFacts{Formed, d.years.From, d.years.To, Formula}}
	for i, q := range questions {
		a, err := d.answer(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("question %d: %w", i+1, err)
		}
		if err := d.show(ctx, i+1, q, a); err != nil {
			return nil, fmt.Errorf("question %d: %w", i+1, err)
		}
		if q.off {
			if !bytes.Equal(a.Rows, out.Questions[i-1].Rows) {
				return nil, fmt.Errorf("question %d: the answer is not that of question %d: this is a bug", i+1, i)
			}
			d.printf("All %s rows are the same as those above, to the last bit.\n", humanize.Comma(a.held.count()))
		}
		out.Questions = append(out.Questions, a)
	}
	return out, nil
}

// patience is how long a first answer may take for the question to be asked again.
const patience = 300 * time.Millisecond

// answer asks a question, a second time if that is quick, and finds out what it
// touched.
func (d *demo) answer(ctx context.Context, q question) (*answer, error) {
	if q.off {
		// As SET trellis.summaries = 'off', for these calls only.
		ctx = metadata.AppendToOutgoingContext(ctx, "x-trellis-summaries", "off")
	}
	a := &answer{Title: q.title, SQL: q.sql}
	for range 2 {
		rows, took, err := d.fetch(ctx, q.sql)
		if err != nil {
			return nil, err
		}
		a.held, a.took, a.Millis = rows, append(a.took, took), took.Seconds()*1000
		if took > patience {
			break
		}
	}
	for _, f := range a.held.schema.Fields() {
		a.Columns = append(a.Columns, f.Name)
	}
	var text bytes.Buffer
	if _, err := render.Write(ctx, &text, a.held.stream(), render.Options{Format: render.JSON}); err != nil {
		return nil, err
	}
	a.Rows = text.Bytes()
	if !q.touchesSamples() {
		return a, nil
	}
	var err error
	a.Blocks, err = d.touched(ctx, q.sql)
	return a, err
}

// The lines of EXPLAIN ANALYZE that count.
var (
	blockLine  = regexp.MustCompile(`Blocks: (\d+) answered by summary, (\d+) decoded, (\d+) never looked at, (\d+) of them in the head`)
	sampleLine = regexp.MustCompile(`Samples looked at: (\d+)`)
)

// touched returns what a query touches, summed over its scans.
func (d *demo) touched(ctx context.Context, sql string) (*blocks, error) {
	rows, err := d.rows(ctx, "EXPLAIN ANALYZE "+sql)
	if err != nil {
		return nil, err
	}
	b := &blocks{}
	for _, row := range rows {
		add(blockLine.FindStringSubmatch(row[0]), &b.Summarized, &b.Decoded, &b.Skipped, &b.Head)
		add(sampleLine.FindStringSubmatch(row[0]), &b.Samples)
	}
	return b, nil
}

// add adds the numbers that a pattern found.
func add(found []string, to ...*int64) {
	for i := 1; i < len(found); i++ {
		n, _ := strconv.ParseInt(found[i], 10, 64) // digits, by the pattern
		*to[i-1] += n
	}
}

// show prints a question and its answer.
func (d *demo) show(ctx context.Context, number int, q question, a *answer) error {
	z := zone.UTC
	if q.zone != "" {
		var err error
		if z, err = zone.Load(q.zone); err != nil {
			return err
		}
	}
	d.printf("\n%d. %s\n\n    %s\n\n", number, q.title, strings.ReplaceAll(q.sql, "\n", "\n    "))
	s, err := render.Write(ctx, d.opts.Out, a.held.rounded().stream(), render.Options{Format: render.Table, Zone: z, MaxRows: q.show, Width: d.opts.Width})
	if err != nil {
		return err
	}
	if left := a.held.count() - s.Rows; left > 0 {
		d.printf("… and %s rows more\n", humanize.Comma(left))
	}
	d.printf("\n")
	times := "in " + short(a.took[0])
	if len(a.took) > 1 {
		times += ", asked again in " + short(a.took[1])
	}
	if a.Blocks != nil {
		times += fmt.Sprintf("; blocks: %s answered by summary, %s decoded, %s never looked at",
			humanize.Comma(a.Blocks.Summarized), humanize.Comma(a.Blocks.Decoded), humanize.Comma(a.Blocks.Skipped))
	}
	d.printf("%s\n", times)
	return nil
}

// writeAnswers writes the answers to a file.
func (d *demo) writeAnswers(name string, a *answers) error {
	text, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644) //nolint:gosec // for anybody to read
}
