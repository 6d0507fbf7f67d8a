package importer

import (
	"math"
	"strconv"
	"strings"
)

// numbers reads decimal numbers as a country writes them.
type numbers struct {
	decimal   byte // '.' or ','
	thousands byte // 0: none
}

// normal returns a number as Go writes it.
func (n numbers) normal(s string) string {
	if n.thousands != 0 && strings.IndexByte(s, n.thousands) >= 0 {
		s = strings.ReplaceAll(s, string(n.thousands), "")
	}
	if n.decimal != '.' {
		if strings.IndexByte(s, '.') >= 0 {
			return "" // 1.5 is no number where the comma is decimal
		}
		if i := strings.IndexByte(s, n.decimal); i >= 0 {
			s = s[:i] + "." + s[i+1:]
		}
	}
	return s
}

// float reads a number; NaN and infinities are numbers, too.
func (n numbers) float(s string) (float64, bool) {
	s = n.normal(s)
	if !plain(s) {
		return 0, false
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(x, 0) {
		return 0, false
	}
	return x, true
}

// plain refuses what Go reads as a number and nobody writes in a table: hexadecimal
// numbers and underscores.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c == '_' || c == 'x' || c == 'X' {
			return false
		}
	}
	return s != ""
}

// integer reads a whole number, also one that is written with a fraction of zeros.
func (n numbers) integer(s string) (int64, bool) {
	s = n.normal(s)
	if x, err := strconv.ParseInt(s, 10, 64); err == nil {
		return x, true
	}
	whole, fraction, dotted := strings.Cut(s, ".")
	if dotted && strings.Trim(fraction, "0") == "" {
		x, err := strconv.ParseInt(whole, 10, 64)
		return x, err == nil
	}
	return 0, false
}

// hint tells why a text may be no number.
func (n numbers) hint(s string) string {
	switch {
	case n.decimal == '.' && strings.Contains(s, ",") && strings.Trim(s, "+-0123456789,.") == "":
		return "; is its decimal sign a comma (--decimal ,)?"
	case n.decimal == ',' && strings.Contains(s, "."):
		return "; is its decimal sign a point (--decimal .)?"
	case strings.Trim(s, "+-0123456789. '") == "" && strings.ContainsAny(s, " '"):
		return "; does it have a sign between thousands (--thousands)?"
	}
	return "; if it means that there is no value, name it with --null, and if it is a state of the source, with --state"
}
