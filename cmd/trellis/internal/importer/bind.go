package importer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/trellisdb/trellis/columnar"
)

// binding says what the columns of one file mean.
type binding struct {
	times  []int
	days   bool    // the second of times is the day of the year
	thirds bool    // it is the quarter of the year
	layout *layout // nil: not known yet
	name   *template
	values []valueColumn
	masks  []mask // of all value columns
}

// valueColumn is a column of values.
type valueColumn struct {
	name    string
	index   int
	unit    string          // empty: the file does not say
	quality int             // column of qualities; -1: none
	masks   []mask          // of this column only
	bad     map[string]bool // texts that mean bad
	badNums []float64       // numbers that do
}

// mask is a column that says where samples have a status.
type mask struct {
	index  int
	status columnar.Status
}

// timeNames are names of columns that hold time, the best first.
var timeNames = []string{
	"time", "timestamp", "datetime", "ts", "utc", "measuredon", "date", "index", "indexlevel0",
	"tstamp", "timestamputc", "datetimeutc", "utctimestamp", "timeutc", "dateutc", "datetimelocal", "localtime", "sampletime", "eventtime", "valid", "mtu", "timeinterval", "interval",
	"zeitstempel", "datumzeit", "datumuhrzeit", "zeitpunkt", "zeit", "datum", "messdatum", "datumvon", "dateheure", "horodatage", "fecha", "fechahora", "datahora", "tid", "tijdstip",
	"datehour", "observationtime", "observed", "recordedat", "createdat", "starttime", "start", "from", "period", "hour", "day", "week", "month", "monat", "quarter", "year", "jahr",
}

// quarterKeys are names of columns of quarters, by timeKey.
var quarterKeys = []string{"quarter", "qtr", "quartal"}

// timeKey is what of a column's name tells that it holds time: letters and digits in
// lower case, without what stands in brackets.
func timeKey(name string) string {
	if cut := strings.IndexAny(name, "(["); cut > 0 {
		name = name[:cut]
	}
	return stateKey(name)
}

// bind finds the columns that the options name.
func bind(s source, o *Options) (*binding, error) {
	columns := s.columns()
	b := &binding{}
	if o.Name == "" {
		return nil, errors.New("the series has no name: give --series COLUMN, or --name with a text such as plant1/temp or site/{column}")
	}
	if err := b.bindTime(s, o); err != nil {
		return nil, err
	}
	var err error
	if b.name, err = newTemplate(o.Name, columns); err != nil {
		return nil, err
	}
	if err := b.bindMasks(columns, o); err != nil {
		return nil, err
	}
	if err := b.bindValues(columns, o); err != nil {
		return nil, err
	}
	if err := b.bindBad(columns, o); err != nil {
		return nil, err
	}
	if units := s.units(); units != nil {
		for i := range b.values {
			if v := &b.values[i]; v.index < len(units) {
				v.unit = strings.Trim(units[v.index], "[]()")
			}
		}
	}
	s.want(b.wanted(len(columns)))
	return b, nil
}

// bindTime finds the columns of time.
func (b *binding) bindTime(s source, o *Options) (err error) {
	columns := s.columns()
	if o.Time.Format != "" && o.Time.Format != layoutAuto {
		if b.layout, err = newLayout(o.Time.Format); err != nil {
			return err
		}
	}
	if len(o.Time.Columns) > 6 {
		return errors.New("--time: at most the columns of year, month, day, hour, minute and second")
	}
	for _, name := range o.Time.Columns {
		i, err := find(columns, name)
		if err != nil {
			return fmt.Errorf("--time: %w", err)
		}
		b.times = append(b.times, i)
	}
	if len(b.times) > 1 {
		b.days = slices.Contains([]string{"doy", "dayofyear", "yearday", "jday", "julianday", "jd", "julian"}, timeKey(columns[b.times[1]]))
		b.thirds = len(b.times) == 2 && slices.Contains(quarterKeys, timeKey(columns[b.times[1]]))
	}
	if len(b.times) > 0 {
		return nil
	}
	if i := s.timeColumn(); i >= 0 {
		b.times = []int{i}
		return nil
	}
	for _, name := range timeNames {
		if i := slices.IndexFunc(columns, func(c string) bool { return timeKey(c) == name }); i >= 0 {
			b.times = []int{i}
			return nil
		}
	}
	if len(columns) > 1 && columns[0] == "" {
		b.times = []int{0} // an index that nobody has named
		return nil
	}
	return fmt.Errorf("no column is named like one that holds time: name it, or them, with --time; there are %s", list(columns))
}

// bindMasks finds the columns of masks that are for all value columns.
func (b *binding) bindMasks(columns []string, o *Options) error {
	for _, text := range o.Quality.Masks {
		m, err := parseMask(text, "", columns)
		if err != nil {
			return err
		}
		if m != nil {
			b.masks = append(b.masks, *m)
		}
	}
	return nil
}

// parseMask reads column=status; nil where the column's name depends on the value
// column and none is given.
func parseMask(text, value string, columns []string) (*mask, error) {
	name, status, err := parsePair(text, "--quality-mask COLUMN=STATUS, such as interpolated=uncertain:0x40900000")
	if err != nil {
		return nil, err
	}
	if strings.Contains(name, "{column}") != (value != "") {
		return nil, nil
	}
	m := &mask{}
	if m.index, err = find(columns, strings.ReplaceAll(name, "{column}", value)); err != nil {
		return nil, fmt.Errorf("--quality-mask: %w", err)
	}
	if m.status, err = parseStatus(status); err != nil {
		return nil, fmt.Errorf("--quality-mask: %w", err)
	}
	return m, nil
}

// bindValues finds the columns of values: those that are named, or else all that have
// no other meaning.
func (b *binding) bindValues(columns []string, o *Options) error {
	named := slices.Clone(o.Values.Columns)
	for _, name := range o.Values.Text {
		if !slices.Contains(named, name) {
			named = append(named, name)
		}
	}
	if len(o.Values.Columns) == 0 {
		for i, name := range columns {
			if name != "" && !slices.Contains(named, name) && !b.taken(i, o, columns) {
				named = append(named, name)
			}
		}
	}
	for _, name := range named {
		i, err := find(columns, name)
		if err != nil {
			return fmt.Errorf("--value: %w", err)
		}
		v := valueColumn{name: columns[i], index: i, quality: -1}
		if q := o.Quality.Column; q != "" {
			if v.quality, err = find(columns, strings.ReplaceAll(q, "{column}", v.name)); err != nil {
				return fmt.Errorf("--quality: %w", err)
			}
		}
		for _, text := range o.Quality.Masks {
			m, err := parseMask(text, v.name, columns)
			if err != nil {
				return err
			}
			if m != nil {
				v.masks = append(v.masks, *m)
			}
		}
		b.values = append(b.values, v)
	}
	if len(b.values) == 0 {
		return fmt.Errorf("no column is left that holds values; there are %s", list(columns))
	}
	if len(b.values) > 1 && !b.name.byColumn() {
		return fmt.Errorf("%d columns would go to one series (%s): choose one with --value, or write {column} in --name", len(b.values), list(names(b.values)))
	}
	return nil
}

func names(values []valueColumn) []string {
	out := make([]string, len(values))
	for i := range values {
		out[i] = values[i].name
	}
	return out
}

// taken reports whether a column means something else than a value.
func (b *binding) taken(i int, o *Options, columns []string) bool {
	if slices.Contains(b.times, i) || slices.Contains(b.name.rows, i) || columns[i] == o.Quality.Column || strings.HasPrefix(columns[i], "__index_level_") {
		return true
	}
	if slices.ContainsFunc(b.masks, func(m mask) bool { return m.index == i }) {
		return true
	}
	// A column that is named by {column} and another one is that one's quality.
	for _, other := range columns {
		if other == "" || other == columns[i] {
			continue
		}
		if o.Quality.Column != "" && strings.ReplaceAll(o.Quality.Column, "{column}", other) == columns[i] {
			return true
		}
		for _, text := range o.Quality.Masks {
			name, _, err := parsePair(text, "")
			if err == nil && strings.ReplaceAll(name, "{column}", other) == columns[i] {
				return true
			}
		}
	}
	return false
}

// bindBad reads the values that mean that they are bad.
func (b *binding) bindBad(columns []string, o *Options) error {
	for _, text := range o.Values.Bad {
		only, value, found := strings.Cut(text, "=")
		if !found {
			only, value = "", text
		} else if _, err := find(columns, only); err != nil {
			return fmt.Errorf("--bad-value: %w", err)
		}
		for i := range b.values {
			v := &b.values[i]
			if only != "" && only != v.name {
				continue
			}
			if v.bad == nil {
				v.bad = map[string]bool{}
			}
			v.bad[value] = true
			if x, ok := (numbers{decimal: '.'}).float(value); ok {
				v.badNums = append(v.badNums, x)
			} else if x, ok := o.numbers().float(value); ok {
				v.badNums = append(v.badNums, x)
			}
		}
	}
	return nil
}

// numbers says how numbers are written.
func (o *Options) numbers() numbers {
	n := numbers{decimal: o.Text.Decimal, thousands: o.Text.Thousands}
	if n.decimal == 0 {
		n.decimal = '.'
	}
	return n
}

// wanted returns which columns have a meaning.
func (b *binding) wanted(n int) []bool {
	w := make([]bool, n)
	mark := func(list ...int) {
		for _, i := range list {
			if i >= 0 {
				w[i] = true
			}
		}
	}
	mark(b.times...)
	mark(b.name.rows...)
	for _, m := range b.masks {
		mark(m.index)
	}
	for _, v := range b.values {
		mark(v.index, v.quality)
		for _, m := range v.masks {
			mark(m.index)
		}
	}
	return w
}
