package plan

import (
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/trellisdb/trellis/columnar/zone"
)

// when collects the fields of a date, a time or both while their text is read.
type when struct {
	year, month, day int
	hasDate          bool
	before           bool  // BC
	days             int64 // since the epoch, once hasDate
	clock            int64 // time of day in microseconds, up to 24:00:00 included
	hasClock         bool
	half             string // am or pm
	zone             *zone.Zone
	special          string // now, epoch, infinity, -infinity
	overflow         bool   // a field is a number that is too large
}

// Years that timestamps may have, such that every instant fits an int64.
const (
	firstYear = -4712
	lastYear  = 294_000
)

var monthNames = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}

// parseWhen reads a Timestamp, Timestamptz, Date or Time.
func parseWhen(text string, t Type, z *zone.Zone, now int64) (any, error) {
	w, err := readWhen(text, t, z, now)
	if err != nil {
		return nil, err
	}
	switch w.special {
	case "":
	case "now":
		return instantAs(now, t, z), nil
	case "epoch":
		return instantAs(0, t, zone.UTC), nil
	default:
		return infinity(w.special == "infinity", text, t)
	}
	if t == Time {
		if !w.hasClock {
			return nil, badSyntax(text, t)
		}
		return w.clock, nil
	}
	if !w.hasDate {
		return nil, badSyntax(text, t)
	}
	local := w.days*microsPerDay + w.clock
	switch {
	case t == Date:
		return w.days, nil
	case t == Timestamp:
		return local, nil
	case w.zone != nil:
		z = w.zone
	}
	return z.Chosen(local), nil
}

// infinity returns the value for the end or the beginning of time.
func infinity(end bool, text string, t Type) (any, error) {
	switch {
	case t == Time:
		return nil, badSyntax(text, t)
	case t == Date && end:
		return int64(InfiniteDate), nil
	case t == Date:
		return int64(FirstDate), nil
	case end:
		return int64(Infinity), nil
	}
	return int64(NegativeInfinity), nil
}

// instantAs returns an instant as a value of a type, in z.
func instantAs(t int64, as Type, z *zone.Zone) int64 {
	local := z.Local(t)
	switch as {
	case Timestamptz:
		return t
	case Date:
		return floorDiv(local, microsPerDay)
	case Time:
		return local - floorDiv(local, microsPerDay)*microsPerDay
	}
	return local
}

// readWhen reads the words of a date and time in whatever order they come.
func readWhen(text string, t Type, z *zone.Zone, now int64) (*when, error) {
	w := &when{month: -1}
	words := splitWhen(text)
	if len(words) == 0 {
		return nil, badSyntax(text, t)
	}
	var numbers []string // of a date with a month's name
	for i, word := range words {
		lower := strings.ToLower(word)
		ok := true
		switch {
		case w.word(lower, i == 0 && len(words) == 1, z, now):
		case strings.Contains(word, ":") && unicode.IsDigit(rune(word[0])) || w.hasDate && !w.hasClock && compactClock(word):
			ok = w.readClock(word)
		case word[0] == '+' || word[0] == '-' || unicode.IsLetter(rune(word[0])):
			if err := w.readZone(word, text, t); err != nil {
				return nil, err
			}
		case strings.ContainsAny(word[1:], "-/"):
			ok = w.readDate(word)
		case len(word) == 8 && allDigits(word) && !w.hasDate:
			ok = w.setDate(word[:4], word[4:6], word[6:])
		default:
			numbers = append(numbers, word)
		}
		switch {
		case w.overflow:
			return nil, fieldRange(text)
		case !ok:
			return nil, badWhen(text, t)
		}
	}
	if w.month >= 0 && !w.hasDate && !w.namedDate(numbers) || w.month < 0 && len(numbers) > 0 {
		return nil, badWhen(text, t)
	}
	if err := w.finish(text, t); err != nil {
		return nil, err
	}
	return w, nil
}

// fieldRange is the error for a day, an hour, … that there is not.
func fieldRange(text string) *Error {
	return Errorf(0, CodeDatetimeRange, "date/time field value out of range: %q", text)
}

// badWhen is badSyntax with a word on how dates are written.
func badWhen(text string, t Type) *Error {
	e := badSyntax(text, t)
	if _, err := ParseInterval(text, "second"); err == nil {
		return e.WithHint("Write an interval as interval %s.", quoteLiteral(text))
	}
	if t != Time {
		return e.WithHint("Write dates with the year first: 2015-01-31, or 2015-01-31 06:00:00+01.")
	}
	return e
}

// splitWhen cuts text into words at spaces, commas, the T between date and time,
// and before what follows a time of day: +02, Z, PM, Europe/Berlin.
func splitWhen(text string) []string {
	var words []string
	for _, field := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' || r == '\n' }) {
		if len(field) > 8 && unicode.IsDigit(rune(field[0])) {
			if i := strings.IndexAny(field, "Tt"); i >= 8 && i+1 < len(field) && unicode.IsDigit(rune(field[i+1])) {
				words = append(words, field[:i])
				field = field[i+1:]
				if end := strings.IndexFunc(field, notClock); end < 0 && !strings.Contains(field, ":") {
					words = append(words, field)
					continue
				}
				words = append(words, cutClock(field)...)
				continue
			}
		}
		if strings.Contains(field, ":") && unicode.IsDigit(rune(field[0])) {
			words = append(words, cutClock(field)...)
			continue
		}
		words = append(words, field)
	}
	return words
}

func notClock(r rune) bool { return r != ':' && r != '.' && !unicode.IsDigit(r) }

// cutClock cuts a field that begins with a time of day after it.
func cutClock(field string) []string {
	if end := strings.IndexFunc(field, notClock); end > 0 {
		return []string{field[:end], field[end:]}
	}
	return []string{field}
}

// word takes the words that have a meaning of their own; alone says that there is
// no other.
func (w *when) word(lower string, alone bool, z *zone.Zone, now int64) bool {
	switch lower {
	case "infinity", "+infinity", "inf":
		lower = "infinity"
	case "-infinity", "-inf":
		lower = "-infinity"
	}
	switch lower {
	case "now", "epoch", "infinity", "-infinity":
		if !alone {
			return false
		}
		w.special = lower
	case "today", "yesterday", "tomorrow":
		w.days = floorDiv(z.Local(now), microsPerDay)
		switch lower {
		case "yesterday":
			w.days--
		case "tomorrow":
			w.days++
		}
		w.hasDate = true
	case "allballs":
		w.hasClock, w.zone = true, zone.UTC
	case "am", "pm":
		w.half = lower
	case "ad":
	case "bc":
		w.before = true
	default:
		return w.monthOrDay(lower)
	}
	return true
}

// monthOrDay takes the name of a month; that of a day of the week says nothing.
func (w *when) monthOrDay(lower string) bool {
	const shortest = 3
	if len(lower) < shortest || w.month >= 0 {
		return false
	}
	for i, name := range monthNames {
		if strings.HasPrefix(lower, name) && strings.HasPrefix(strings.ToLower(time.Month(i+1).String()), lower) || lower == "sept" && name == "sep" {
			w.month = i + 1
			return true
		}
	}
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.HasPrefix(strings.ToLower(d.String()), lower) {
			return true
		}
	}
	return false
}

func allDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// compactClock reports whether a word is a time of day without colons: 0405, 040506
// or 040506.789.
func compactClock(word string) bool {
	whole, _, _ := strings.Cut(word, ".")
	return (len(whole) == 4 || len(whole) == 6) && allDigits(whole)
}

// readDate reads 2015-01-31, 2015/1/31 or 2015-Jan-31.
func (w *when) readDate(word string) bool {
	parts := strings.FieldsFunc(word, func(r rune) bool { return r == '-' || r == '/' })
	if len(parts) != 3 || len(parts[0]) < 3 || strings.Count(word, "-")+strings.Count(word, "/") != 2 || w.hasDate {
		return false
	}
	if !allDigits(parts[1]) {
		if !w.monthOrDay(strings.ToLower(parts[1])) || w.month < 0 {
			return false
		}
		parts[1] = strconv.Itoa(w.month)
	}
	return w.setDate(parts[0], parts[1], parts[2])
}

// namedDate takes day and year of a date whose month was a name.
func (w *when) namedDate(numbers []string) bool {
	if len(numbers) != 2 {
		return false
	}
	day, year := numbers[0], numbers[1]
	if len(day) > 2 {
		day, year = year, day
	}
	return len(year) > 2 && w.setDate(year, strconv.Itoa(w.month), day)
}

func (w *when) setDate(year, month, day string) bool {
	if !allDigits(year) || !allDigits(month) || !allDigits(day) || len(year) > 6 || len(month) > 2 || len(day) > 2 {
		return false
	}
	w.year, _ = strconv.Atoi(year)
	w.month, _ = strconv.Atoi(month)
	w.day, _ = strconv.Atoi(day)
	w.hasDate = true
	return true
}

// readClock reads 06:00, 06:00:00.5, 0600 or 060000.5. It sets overflow for a time
// of day that there is not.
func (w *when) readClock(word string) bool {
	if !strings.Contains(word, ":") {
		whole, fraction, _ := strings.Cut(word, ".")
		word = whole[:2] + ":" + whole[2:4]
		if len(whole) == 6 {
			word += ":" + whole[4:]
		}
		if fraction != "" {
			word += "." + fraction
		}
	}
	parts := strings.Split(word, ":")
	if w.hasClock || len(parts) < 2 || len(parts) > 3 {
		return false
	}
	var micros int64
	for i, part := range parts {
		whole, fraction, fractional := strings.Cut(part, ".")
		if !allDigits(whole) || len(whole) > 2 || fractional && i != 2 {
			return false
		}
		n, _ := strconv.Atoi(whole)
		w.overflow = w.overflow || n > []int{24, 59, 60}[i]
		micros += int64(n) * []int64{microsPerHour, microsPerMinute, microsPerSecond}[i]
		if fractional {
			f, ok := fractionMicros(fraction)
			if !ok {
				return false
			}
			micros += f
		}
	}
	w.clock, w.hasClock = micros, true
	w.overflow = w.overflow || micros > microsPerDay
	return !w.overflow
}

// fractionMicros reads the digits after the point of a second, rounded to
// microseconds.
func fractionMicros(digits string) (int64, bool) {
	if digits == "" {
		return 0, true
	}
	if !allDigits(digits) {
		return 0, false
	}
	f, err := strconv.ParseFloat("0."+digits, 64)
	return int64(f*microsPerSecond + 0.5), err == nil
}

// readZone reads the zone at the end: Z, +02, -03:30, CET or Europe/Berlin. A type
// without a zone takes no notice of it, as in PostgreSQL.
func (w *when) readZone(word, text string, t Type) error {
	if w.zone != nil || !w.hasClock && !w.hasDate {
		return badWhen(text, t)
	}
	name := word
	switch upper := strings.ToUpper(word); upper {
	case "Z", "UTC", "GMT", "ZULU":
		name = "UTC"
	case "CET", "MET", "EET", "WET", "EST", "MST", "HST":
		name = upper
	}
	z, err := zone.Load(name)
	if err != nil {
		var unknown *zone.UnknownError
		if errors.As(err, &unknown) && unicode.IsLetter(rune(word[0])) && strings.Contains(word, "/") {
			return Errorf(0, CodeUnknownZone, "%s in %q", err, text).WithHint("%s", unknown.Hint())
		}
		return badWhen(text, t)
	}
	w.zone = z
	return nil
}

// finish checks the fields against each other and counts the days.
func (w *when) finish(text string, t Type) error {
	if w.half != "" {
		hour := w.clock / microsPerHour
		if !w.hasClock || hour < 1 || hour > 12 {
			return badWhen(text, t)
		}
		w.clock -= hour / 12 * 12 * microsPerHour
		if w.half == "pm" {
			w.clock += 12 * microsPerHour
		}
	}
	if w.special != "" || !w.hasDate || w.month < 0 {
		return nil // no date in numbers
	}
	year := w.year
	if w.before {
		year = 1 - year
	}
	date := time.Date(year, time.Month(w.month), w.day, 0, 0, 0, 0, time.UTC)
	if w.year == 0 || int(date.Month()) != w.month || date.Day() != w.day || year < firstYear || year > lastYear {
		return fieldRange(text)
	}
	w.days = floorDiv(date.Unix(), secondsPerDay)
	return nil
}
