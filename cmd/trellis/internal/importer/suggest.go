package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/trellisdb/trellis/columnar/zone"
)

// Proposal is a flag of import that a file asks for.
type Proposal struct {
	Flag  string `json:"flag"`
	Value string `json:"value,omitempty"` // empty: the flag stands alone
	Why   string `json:"why"`
}

// Suggestion is how a file may be imported.
type Suggestion struct {
	Proposals []Proposal
	Unsure    []string // what a person has to look at
	Rows      int64    // that were looked at
}

// suggestRows is how many rows are looked at.
const suggestRows = 300_000

// suggester finds out how a file may be imported.
type suggester struct {
	o     Options
	out   *Suggestion
	stats []*columnStats
	times []int // columns of time
	taken map[int]bool
	key   int // column whose values are names of series; -1: none
	dups  int64
	null  map[string]bool
	known states

	nullWhy []string // why there are more texts that mean that there is no value
}

func (s *suggester) propose(flag, value, why string) {
	s.out.Proposals = append(s.out.Proposals, Proposal{flag, value, why})
}

func (s *suggester) unsure(format string, args ...any) {
	s.out.Unsure = append(s.out.Unsure, fmt.Sprintf(format, args...))
}

// isNull reports whether a text means that there is no value.
func (s *suggester) isNull(text string) bool { return s.null[text] }

// Suggest looks at the first file of the options and proposes the flags that are not
// given. What the options say is taken for right.
func Suggest(o Options) (*Suggestion, error) {
	name := o.Files[0]
	if name == "-" {
		return nil, errors.New("--suggest reads a file more than once: name one, not standard input")
	}
	if o.Text.Encoding == "" {
		o.Text.Encoding = "auto"
	}
	s := &suggester{o: o, out: &Suggestion{}, taken: map[int]bool{}, key: -1, null: map[string]bool{}}
	for _, text := range o.Values.Null {
		s.null[text] = true
	}
	var err error
	if s.known, err = newStates(o.Values.States); err != nil {
		return nil, err
	}
	head, err := headOf(name)
	if err != nil {
		return nil, err
	}
	if head != nil {
		if err := s.layoutOfText(head); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := s.read(name, s.gather); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := s.columns(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := s.read(name, s.countStamps()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := s.roles(name); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s.out, s.period()
}

// read gives the chunks of a file to a function, until there are enough rows.
func (s *suggester) read(name string, take func(columns []string, src source, c *chunk)) (err error) {
	var progress atomic.Int64
	src, err := open(name, "", &s.o, &progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.close()) }()
	columns := src.columns()
	all := make([]bool, len(columns))
	for i := range all {
		all[i] = true
	}
	src.want(all)
	for rows := 0; rows < suggestRows; {
		c, _, err := src.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if c != nil && c.rows > 0 {
			rows += c.rows
			take(columns, src, c)
		}
	}
	return nil
}

// columns finds the columns of time and what their stamps look like.
func (s *suggester) columns() error {
	if len(s.stats) == 0 {
		return errors.New("there is no row below the header")
	}
	if err := s.findTime(); err != nil {
		return err
	}
	for _, i := range s.times {
		s.taken[i] = true
	}
	return nil
}

// baseName is what a file's name says of a series.
func baseName(path string) string {
	name := filepath.Base(path)
	for _, end := range []string{".gz", ".zst", ".bz2", ".zip", ".csv", ".tsv", ".txt", ".dat", ".json", ".jsonl", ".ndjson", ".xlsx", ".parquet", ".tab"} {
		name = strings.TrimSuffix(name, end)
	}
	name = strings.Map(func(c rune) rune {
		if strings.ContainsRune("{}=,'\"\\", c) || c < ' ' {
			return '_'
		}
		return c
	}, name)
	return name
}

// period proposes a sample period: the grid of the stamps, or the finest unit that they
// have.
func (s *suggester) period() error {
	if len(s.o.Attributes["sample_t"]) > 0 {
		return nil
	}
	o := s.o
	o.Attributes = map[string]ByColumn{"sample_t": {"": autoPeriod}, "type": {"": "double"}}
	if o.Time.Zone != nil {
		o.Attributes["zone"] = ByColumn{"": o.Time.Zone.Name()}
	}
	o.DryRun, o.Clock, o.Progress, o.Stop = true, func() int64 { return 0 }, nil, false
	r := &run{
		ctx: context.Background(), opts: &o, report: &Report{}, clocks: map[string]*clock{}, causes: map[string]*Cause{}, states: s.known,
		qualities: &qualities{}, series: &seriesTable{},
	}
	if err := r.survey(); err != nil {
		return err
	}
	steps := []struct {
		micros int64
		text   string
	}{{60_000_000, "1 minute"}, {1_000_000, "1 second"}, {1000, "1 millisecond"}, {1, "1 microsecond"}}
	uneven, unit, single := "", 0, true
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range r.spacings {
			if !yield(name) {
				return
			}
		}
	}) {
		x := r.spacings[name]
		if _, _, err := x.found(); err != nil && !errors.Is(err, errOneStamp) {
			uneven = name
		} else if err == nil {
			single = false
		}
		for unit < len(steps)-1 && (x.divisor%steps[unit].micros != 0 || x.first%steps[unit].micros != 0) {
			unit++
		}
	}
	switch {
	case uneven != "":
		s.propose("sample-t", steps[unit].text, fmt.Sprintf("the stamps of %s are on no even grid; it is the unit in which all stamps are whole", shorten(uneven)))
	case single:
		s.propose("sample-t", steps[unit].text, "no series has two stamps; it is the unit in which they are whole")
	default:
		s.propose("sample-t", "auto", "the stamps of every series are on a grid")
	}
	return nil
}

// proposeZone proposes a zone for stamps without one.
func (s *suggester) proposeZone(zoned bool, name string) {
	if zoned || s.o.Time.Zone != nil {
		return
	}
	lower := strings.ToLower(name)
	guess, why := "UTC", ""
	for _, hint := range []struct{ word, zone string }{{"utc", "UTC"}, {"gmt", "UTC"}, {"cet/cest", "Europe/Brussels"}, {"cet", "Europe/Brussels"}, {"(et)", "America/New_York"}} {
		if strings.Contains(lower, hint.word) {
			guess, why = hint.zone, fmt.Sprintf("the column is named %q", name)
			break
		}
	}
	if why == "" {
		why = "a guess: the stamps do not say on which clock they were read"
		s.unsure("the zone: put in the place of UTC the one whose clock was read, such as Europe/Berlin, or an offset such as +01:00")
	}
	s.propose("zone", guess, why)
	s.o.Time.Zone, _ = zone.Load(guess) // the names above are known
}
