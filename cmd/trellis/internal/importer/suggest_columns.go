package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxWords is how many different texts of a column are told apart, and keptStamps how
// many texts are kept that may be stamps.
const (
	maxWords   = 5000
	keptStamps = 50_000
	enumStates = 16
)

// columnStats say what stands in a column.
type columnStats struct {
	name          string
	typed         bool // numbers, by the file
	stamped       bool // stamps, by the file
	zoned         bool // which are instants
	filled, nulls int64
	dots, commas  int64            // numbers with a decimal point, or none; with a comma, or none
	grouped       int64            // numbers with a comma between thousands
	whole         int64            // without a fraction
	odd           int64            // texts that are neither numbers nor states
	words         map[string]int64 // texts that are no numbers
	values        map[string]int64 // all texts
	first         []string
}

// gather takes in a chunk.
func (s *suggester) gather(columns []string, src source, c *chunk) {
	if s.stats == nil {
		for i, name := range columns {
			s.stats = append(s.stats, &columnStats{name: name, words: map[string]int64{}, values: map[string]int64{}, stamped: i == src.timeColumn()})
		}
	}
	s.out.Rows += int64(c.rows)
	for i, x := range s.stats {
		col := &c.cols[i]
		x.stamped = x.stamped || col.stamp != nil && len(columns) > 1 && src.timeColumn() < 0 && timeKey(x.name) != ""
		x.typed = x.typed || col.float != nil || col.integer != nil || col.boolean != nil
		if col.stamp != nil && c.rows > 0 {
			x.zoned = col.stamp(0).zoned
		}
		for row := range c.rows {
			x.add(s, col.text(row))
		}
	}
}

// add takes in a field.
func (x *columnStats) add(s *suggester, text string) {
	if text == "" {
		return
	}
	x.filled++
	if len(x.first) < keptStamps {
		x.first = append(x.first, strings.Clone(text))
	}
	if _, known := x.values[text]; known || len(x.values) < maxWords {
		x.values[strings.Clone(text)]++
	}
	if s.isNull(text) {
		x.nulls++
		return
	}
	_, dot := (numbers{decimal: '.'}).float(text)
	_, comma := (numbers{decimal: ','}).float(text)
	if !dot && !comma {
		if isGrouped(text) {
			x.grouped++
		} else if isGrouped(strings.NewReplacer(".", ",", ",", ".").Replace(text)) && strings.Contains(text, ",") {
			x.grouped++
			x.commas++
		} else if _, known := x.words[text]; known || len(x.words) < maxWords {
			x.words[strings.Clone(text)]++
		}
		if _, state := s.known.of(text); !state {
			x.odd++
		}
		return
	}
	if dot {
		x.dots++
	}
	if comma {
		x.commas++
	}
	if dot && comma {
		x.whole++
	}
}

// isGrouped reports whether a number has commas between its thousands.
func isGrouped(text string) bool {
	whole, _, _ := strings.Cut(strings.TrimLeft(text, "+-"), ".")
	groups := strings.Split(whole, ",")
	if len(groups) < 2 || len(groups[0]) == 0 || len(groups[0]) > 3 || strings.Trim(text, "+-0123456789,.") != "" {
		return false
	}
	for _, g := range groups[1:] {
		if len(g) != 3 {
			return false
		}
	}
	return true
}

// numeric reports whether a column holds numbers, if some of its fields are states.
func (x *columnStats) numeric() bool {
	n := max(x.dots, x.commas, x.grouped)
	return x.typed || n > 0 && n >= x.odd-x.grouped
}

// quality reports whether all that stands in a column are qualities.
func (x *columnStats) quality() bool {
	if x.filled == 0 || len(x.values) > 100 {
		return false
	}
	odd := false
	for text := range x.values {
		if code, number := codeOf(text); number {
			_, da := classicStatus(code)
			odd = odd || !da && code < 1<<16 && code != 100
		} else if _, ok := readQuality(text); !ok {
			return false
		}
	}
	return !odd
}

// qualityNames are names of columns of qualities, by stateKey.
var qualityNames = []string{"quality", "qual", "q", "status", "opcquality", "qualitycode", "statuscode", "tagquality", "dataintegrity", "valuestatus"}

// findQuality proposes the column of qualities, or one beside each value.
func (s *suggester) findQuality() {
	if s.o.Quality.Column != "" {
		return
	}
	beside := ""
	for i, x := range s.stats {
		if s.taken[i] || !x.quality() {
			continue
		}
		if slices.Contains(qualityNames, stateKey(x.name)) {
			s.taken[i], s.o.Quality.Column = true, x.name
			s.propose("quality", x.name, "it holds qualities: "+sample(x.values))
			s.mapQuality(x)
			return
		}
		for k, other := range s.stats {
			rest, found := strings.CutPrefix(x.name, other.name)
			if k != i && other.name != "" && found && slices.Contains(qualityNames, stateKey(rest)) && (beside == "" || beside == rest) {
				beside = rest
				s.taken[i] = true
			}
		}
	}
	if beside == "" {
		return
	}
	// Every value has to have one: others stay out of it.
	missing := slices.ContainsFunc(s.stats, func(x *columnStats) bool {
		i := slices.Index(s.stats, x)
		return !s.taken[i] && x.filled > 0 && !slices.ContainsFunc(s.stats, func(q *columnStats) bool { return q.name == x.name+beside })
	})
	if missing {
		s.unsure("the columns *%s hold qualities, but not each value column has one: import those that have with --value A,B --quality '{column}%s'", beside, beside)
		return
	}
	s.o.Quality.Column = "{column}" + beside
	s.propose("quality", s.o.Quality.Column, "each value has a column of qualities beside it")
}

// mapQuality proposes what codes of percent mean.
func (s *suggester) mapQuality(x *columnStats) {
	if len(s.o.Quality.Map) > 0 || x.values["100"] == 0 {
		return
	}
	s.o.Quality.Map = []string{"100=good", "0=bad"}
	s.propose("quality-map", "100=good", "a quality in percent, as Proficy has it")
	s.propose("quality-map", "0=bad", "")
}

// sample lists a few of the texts of a column.
func sample(values map[string]int64) string {
	list := slices.SortedFunc(maps.Keys(values), func(a, b string) int { return int(max(-1, min(1, values[b]-values[a]))) })
	for i := range list {
		list[i] = shorten(list[i])
	}
	if len(list) > 4 {
		list = append(list[:4], "...")
	}
	return strings.Join(list, ", ")
}

// roles proposes names, qualities, values and their types.
func (s *suggester) roles(file string) error {
	if s.key >= 0 {
		s.taken[s.key] = true
	}
	s.findQuality()
	s.signs()
	var values []int
	dropped := false
	for i, x := range s.stats {
		switch {
		case s.taken[i]:
		case x.filled == 0:
		case x.name == "", strings.HasPrefix(x.name, "Unnamed: "), strings.HasPrefix(x.name, "__index_level_"):
			dropped = dropped || x.name != ""
		case x.stamped:
			dropped = true
		case s.key >= 0 && len(x.values) > 1 && !x.numeric() && s.besides(i):
			dropped = true
			s.unsure("column %s is left out: it is text beside the values; add it to --value where it is a series of its own", x.name)
		default:
			values = append(values, i)
		}
	}
	if s.key >= 0 && len(values) > 1 {
		values, dropped = s.longValues(values, dropped)
	}
	if len(values) == 0 {
		return errors.New("no column is left that holds values: name them with --value")
	}
	s.proposeNames(file, values)
	if dropped && len(s.o.Values.Columns) == 0 {
		var names []string
		for _, i := range values {
			names = append(names, quoteList(s.stats[i].name))
			s.o.Values.Columns = append(s.o.Values.Columns, s.stats[i].name)
		}
		s.propose("value", strings.Join(names, ","), "the other columns are no values of a series")
	}
	s.types(values)
	if len(s.nullWhy) > 0 {
		var texts []string
		for _, text := range s.o.Values.Null {
			texts = append(texts, quoteList(text))
		}
		s.propose("null", strings.Join(texts, ","), strings.Join(s.nullWhy, "; "))
	}
	return nil
}

// besides reports whether there is a column of numbers beside one of text.
func (s *suggester) besides(text int) bool {
	for i, x := range s.stats {
		if i != text && !s.taken[i] && x.numeric() {
			return true
		}
	}
	return false
}

// longValues leaves out of a long file what says the same in all rows of a series.
func (s *suggester) longValues(values []int, dropped bool) ([]int, bool) {
	for _, i := range values {
		if slices.Contains([]string{"value", "val", "reading", "wert", "pv", "measurement", "result", "messwert", "valor", "valeur", "v"}, timeKey(s.stats[i].name)) {
			return []int{i}, true
		}
	}
	return values, dropped
}

// quoteList writes a name as one of a list.
func quoteList(name string) string {
	if strings.ContainsAny(name, ",\"") {
		return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
	}
	return name
}

// signs proposes the decimal sign and that between thousands.
func (s *suggester) signs() {
	var points, commas, grouped int64
	for i, x := range s.stats {
		if !s.taken[i] && !x.typed {
			points += x.dots - x.whole
			commas += x.commas - x.whole
			grouped += x.grouped
		}
	}
	switch {
	case s.o.Text.Decimal == ',' || s.o.Text.Thousands != 0:
	case commas > points:
		s.o.Text.Decimal = ','
		s.propose("decimal", ",", fmt.Sprintf("%d numbers have a comma, %d a point", commas, points))
		if grouped > 0 {
			s.o.Text.Thousands = '.'
			s.propose("thousands", ".", "numbers have points between their thousands")
		}
	case grouped > 0:
		s.o.Text.Thousands = ','
		s.propose("thousands", ",", "numbers have commas between their thousands")
	}
}

// proposeNames proposes the names of the series.
func (s *suggester) proposeNames(file string, values []int) {
	if s.o.Name != "" {
		return
	}
	base := baseName(file)
	switch {
	case s.key >= 0 && len(values) > 1:
		s.o.Name = "{" + s.stats[s.key].name + "}/{column}"
		s.propose("name", s.o.Name, fmt.Sprintf("the rows of %d series are one below the other, told apart by column %s", len(s.stats[s.key].values), s.stats[s.key].name))
	case s.key >= 0:
		s.o.Name = "{" + s.stats[s.key].name + "}"
		s.propose("name", s.o.Name, fmt.Sprintf("the rows of %d series are one below the other, told apart by column %s", len(s.stats[s.key].values), s.stats[s.key].name))
	case len(values) > 1:
		s.o.Name = base + "/{column}"
		s.propose("name", s.o.Name, fmt.Sprintf("%d columns hold values", len(values)))
	default:
		s.o.Name = base
		s.propose("name", base, "the file has one column of values")
	}
	if s.key < 0 && s.dups > 0 {
		s.unsure("%d stamps stand in more than one row, and no column tells the rows apart: of those the last is kept (--collide)", s.dups)
	}
}

// types proposes the types of the value columns.
func (s *suggester) types(values []int) {
	if len(s.o.Attributes["type"]) > 0 {
		return
	}
	mixed := false
	for _, i := range values {
		x := s.stats[i]
		n := max(x.dots, x.commas)
		mixed = mixed || s.key >= 0 && !x.typed && n > 0 && x.odd-x.grouped > 0 && len(x.words) > 0 && (x.odd-x.grouped)*50 > x.filled
	}
	if mixed {
		s.propose("type", typeAuto, "some series of the file are numbers, others text: each gets the type that its values have")
		return
	}
	s.propose("type", "double", "")
	for _, i := range values {
		if x := s.stats[i]; x.numeric() {
			s.strays(x)
		} else if x.filled > x.nulls {
			s.words(x)
		}
	}
	s.missing(values)
}

// words proposes a type for a column of text.
func (s *suggester) words(x *columnStats) {
	if strings.Contains(x.name, "=") {
		s.unsure("column %s is text, but its name has a = in it: rename it, or leave it out", x.name)
		return
	}
	truth := true
	for text := range x.words {
		_, ok := booleans[strings.ToLower(text)]
		truth = truth && ok && len(text) > 1
	}
	if truth && x.dots == 0 && len(x.words) > 0 {
		s.propose("type", x.name+"=boolean", "it holds "+sample(x.words))
		return
	}
	if len(x.words) <= enumStates && x.dots == 0 && x.filled >= 10*int64(len(x.words)) {
		names := slices.Sorted(maps.Keys(x.words))
		if text, err := json.Marshal(names); err == nil {
			s.propose("type", x.name+"=enum", fmt.Sprintf("its %d different texts are states", len(names)))
			s.propose("states", x.name+"="+string(text), "")
			return
		}
	}
	s.propose("type", x.name+"=text", "it holds text: "+sample(x.words))
}

// strays proposes what becomes of texts in a column of numbers.
func (s *suggester) strays(x *columnStats) {
	told := 0
	for _, text := range slices.Sorted(maps.Keys(x.words)) {
		if _, known := s.known.of(text); known || s.isNull(text) || isGrouped(strings.NewReplacer(".", ",", ",", ".").Replace(text)) || isGrouped(text) {
			continue
		}
		if told++; told > 20 {
			s.unsure("column %s has more than 20 texts among its numbers that no historian is known for, such as %s: they will be refused", x.name, shorten(text))
			return
		}
		if stateKey(text) == "" || len(text) < 3 {
			s.null[text] = true
			s.o.Values.Null = append(slices.Clone(s.o.Values.Null), text)
			s.nullWhy = append(s.nullWhy, fmt.Sprintf("%q stands %s in column %s, where there is no number", text, times(x.words[text]), x.name))
			continue
		}
		if strings.Contains(text, "=") {
			continue
		}
		s.known[stateKey(text)] = 0x8000_0000
		s.propose("state", text+"=bad", fmt.Sprintf("%s in column %s, in the place of a number", times(x.words[text]), x.name))
		s.unsure("%q in column %s is kept as bad: give it another status if it has another meaning", shorten(text), x.name)
	}
}

// missing proposes to look at numbers that often mean that there is no value.
func (s *suggester) missing(values []int) {
	for _, text := range []string{"-9999", "-999", "-999.9", "-99.99", "-9999.0", "-99", "9999", "-200", "-999.0", "-6999", "1e20"} {
		var names []string
		n := int64(0)
		for _, i := range values {
			if x := s.stats[i]; x.values[text] > 2 && x.values[text]*5000 > x.filled {
				names = append(names, x.name)
				n += x.values[text]
			}
		}
		if n > 0 {
			s.unsure("%s (%s, in %s) may mean that there is no value: then add --bad-value %s", text, times(n), list(names), text)
		}
	}
}
