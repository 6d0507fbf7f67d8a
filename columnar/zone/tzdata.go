package zone

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Version is the release of the IANA time zone database that is compiled in. It is the
// first line of tzdata.txt, and a test holds the two together.
const Version = "2026f"

//go:embed tzdata.txt
var tzdata string

// errData is wrapped by every error of the parsers of tzdata.txt.
var errData = errors.New("malformed time zone data")

// database is tzdata.txt split by zone, not yet parsed.
type database struct {
	version string
	zones   map[string]string // the lines of a zone, without its heading
	links   map[string]string // name to the name of a zone
}

// compiledIn returns the database of [Version], split on first use.
var compiledIn = sync.OnceValue(func() *database {
	db, err := splitDatabase(tzdata)
	if err != nil {
		panic(err) // the file is part of the program, and tests read all of it
	}
	return db
})

// names returns the names of all zones and links in order.
func (db *database) names() []string {
	names := slices.Collect(maps.Keys(db.zones))
	names = slices.AppendSeq(names, maps.Keys(db.links))
	slices.Sort(names)
	return names
}

// splitDatabase takes the text described in the package comment apart by zone.
func splitDatabase(text string) (*database, error) {
	db := &database{zones: map[string]string{}, links: map[string]string{}}
	head, rest, _ := strings.Cut(text, "\n")
	version, ok := strings.CutPrefix(head, "tzdata ")
	if !ok {
		return nil, fmt.Errorf("%w: no release in the first line", errData)
	}
	db.version = version
	zones, links := cutBefore(rest, "link ")
	for zones != "" {
		var head, body string
		head, zones, _ = strings.Cut(zones, "\n")
		body, zones = cutBefore(zones, "zone ")
		name, ok := strings.CutPrefix(head, "zone ")
		if !ok || name == "" {
			return nil, fmt.Errorf("%w: %q where a zone begins", errData, head)
		}
		db.zones[name] = body
	}
	for line := range strings.Lines(links) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != "link" {
			return nil, fmt.Errorf("%w: %q where a link should be", errData, strings.TrimSuffix(line, "\n"))
		}
		if _, ok := db.zones[fields[2]]; !ok {
			return nil, fmt.Errorf("%w: link %s leads to no zone", errData, fields[1])
		}
		db.links[fields[1]] = fields[2]
	}
	return db, nil
}

// cutBefore cuts text before the first line that begins with a word.
func cutBefore(text, word string) (before, after string) {
	if strings.HasPrefix(text, word) {
		return "", text
	}
	if at := strings.Index(text, "\n"+word); at >= 0 {
		return text[:at+1], text[at+1:]
	}
	return text, ""
}

// zoneParser collects what the lines of one zone say.
type zoneParser struct {
	types  []Transition // without an instant
	stored []Transition
	rule   *posixRule
	closed bool // the rule has been read, nothing may follow
}

// parseZone parses the lines of one zone.
func parseZone(name, body string) (*Zone, error) {
	var p zoneParser
	for line := range strings.Lines(body) {
		line = strings.TrimSuffix(line, "\n")
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("%w: zone %s: %q: %w", errData, name, line, err)
		}
	}
	if !p.closed {
		return nil, fmt.Errorf("%w: zone %s: no rule", errData, name)
	}
	return newZone(name, p.types[0], p.stored, p.rule), nil
}

// line parses one line of any kind.
func (p *zoneParser) line(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	switch {
	case p.closed:
		return errors.New("nothing follows a rule")
	case word == "type":
		return p.typeLine(rest)
	case len(p.types) == 0:
		return errors.New("a zone begins with a type")
	case word == "rule":
		return p.ruleLine(rest)
	}
	return p.transitionLine(word, rest)
}

// typeLine parses "a +00:53:28 std LMT".
func (p *zoneParser) typeLine(s string) error {
	f := strings.Split(s, " ")
	if len(f) != 4 || f[0] != string(rune('a'+len(p.types))) || f[2] != "std" && f[2] != "dst" {
		return errors.New("want: letter offset std|dst abbreviation")
	}
	offset, ok := parseOffset(f[1])
	if !ok || offset < -maxOffset || offset > maxOffset {
		return errors.New("offset out of range")
	}
	p.types = append(p.types, Transition{Offset: offset, DST: f[2] == "dst", Abbreviation: f[3]})
	return nil
}

// transitionLine parses "1893-03-31T23:06:32" "a".
func (p *zoneParser) transitionLine(at, letter string) error {
	t, ok := parseInstant(at)
	if !ok || len(letter) != 1 || letter[0] < 'a' || int(letter[0]-'a') >= len(p.types) {
		return errors.New("want: instant letter")
	}
	if n := len(p.stored); n > 0 && t <= p.stored[n-1].At {
		return errors.New("instants do not ascend")
	}
	tr := p.types[letter[0]-'a']
	tr.At = t
	p.stored = append(p.stored, tr)
	return nil
}

// ruleLine parses the rule, which must go on with what the last transition began.
func (p *zoneParser) ruleLine(s string) error {
	rule, always, err := parseRule(s)
	if err != nil {
		return err
	}
	p.rule, p.closed = rule, true
	last := p.types[0]
	if n := len(p.stored); n > 0 {
		last = p.stored[n-1]
	}
	last.At = 0
	switch {
	case rule == nil && last != always:
		return errors.New("the rule differs from the last type")
	case rule != nil && len(p.stored) == 0:
		return errors.New("a yearly rule needs an instant to begin after")
	case rule != nil && last != rule.changes[0].effect && last != rule.changes[1].effect:
		return errors.New("the last type is not of the rule")
	}
	return nil
}

// parseInstant parses an instant of the years 1 to 9999 as 2006-01-02T15:04:05, UTC.
func parseInstant(s string) (t int64, ok bool) {
	const layout = "0000-00-00T00:00:00"
	if len(s) != len(layout) {
		return 0, false
	}
	for i := range len(layout) {
		if layout[i] == '0' && !isDigit(s[i]) || layout[i] != '0' && s[i] != layout[i] {
			return 0, false
		}
	}
	number := func(from, to int) (v int64) {
		for _, c := range []byte(s[from:to]) {
			v = v*10 + int64(c-'0')
		}
		return v
	}
	days := daysOf(number(0, 4), number(5, 7), number(8, 10))
	year, month, dayOfMonth := dateOf(days)
	h, m, sec := number(11, 13), number(14, 16), number(17, 19)
	ok = year == number(0, 4) && month == number(5, 7) && dayOfMonth == number(8, 10) && h < 24 && m < 60 && sec < 60
	return days*day + h*hour + m*minute + sec*second, ok
}

// parseOffset parses an ISO 8601 offset, positive east of Greenwich: a sign and then hh,
// hhmm, hh:mm or hh:mm:ss.
func parseOffset(s string) (offset int64, ok bool) {
	if len(s) < 3 || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	digits := s[1:]
	switch {
	case len(digits) == 5 && digits[2] == ':':
		digits = digits[:2] + digits[3:]
	case len(digits) == 8 && digits[2] == ':' && digits[5] == ':':
		digits = digits[:2] + digits[3:5] + digits[6:]
	case len(digits) != 2 && len(digits) != 4:
		return 0, false
	}
	for i := 0; i < len(digits); i += 2 {
		if !isDigit(digits[i]) || !isDigit(digits[i+1]) {
			return 0, false
		}
		v := int64(digits[i]-'0')*10 + int64(digits[i+1]-'0')
		switch {
		case i == 0:
			offset = v * hour
		case v > 59:
			return 0, false
		case i == 2:
			offset += v * minute
		default:
			offset += v * second
		}
	}
	if s[0] == '-' {
		offset = -offset
	}
	return offset, true
}
